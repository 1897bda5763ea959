package bench

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/testroom"
)

// A replica that is killed under load comes back and catches up, and what
// clients saw meanwhile is there.
func TestRejoin(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	testroom.Processes(t, t.TempDir(), 3)
	var r RejoinRun
	patiently(2*time.Second, func(window time.Duration) bool {
		var out, words bytes.Buffer
		args := strings.Fields("-json -variables 2000 -away 1100ms -ways replay -outstanding 8 -share 0.2 -dir " + t.TempDir())
		Rejoin(t.Context(), append(args, "-normal", window.String()), &out, &words) // its verdict depends on the machine
		r = RejoinRun{}
		if err := json.NewDecoder(&out).Decode(&r); err != nil {
			t.Fatalf("%v: %s", err, words.String())
		}
		return !slices.ContainsFunc(r.Parts, func(p RejoinPart) bool { return p.Name != "away" && p.P50 <= 0 })
	})
	if r.CaughtSeconds < r.ReadySeconds || r.ReadySeconds <= 0 || r.Replayed == 0 || r.Journal == 0 || len(r.Parts) != 4 {
		t.Errorf("%+v", r)
	}
	for _, p := range r.Parts {
		if p.Errors > 0 || p.Name != "away" && (p.P99 < p.P50 || p.P50 <= 0 || p.Worst < p.Median) {
			t.Errorf("%+v", p)
		}
	}
}

func TestRejoinVerdict(t *testing.T) {
	for _, x := range []struct {
		before, during float64
		errors         uint64
		want           bool
	}{{1000, 2900, 0, true}, {1000, 3000, 0, false}, {1000, 1000, 1, false}, {1000, 0, 0, false}, {0, 10, 0, false}} {
		r := &RejoinRun{Parts: []RejoinPart{{Name: "before", P99: x.before}, {Name: "during", P99: x.during, Errors: x.errors}}}
		if got := writeRejoins(io.Discard, []*RejoinRun{r}); got != x.want {
			t.Errorf("%+v: %v", x, got)
		}
	}
	if writeRejoins(io.Discard, nil) {
		t.Error("nothing was measured, and all is well")
	}
}
