package figures

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/bench"
)

func TestSoakAndRejoin(t *testing.T) {
	var samples, runs bytes.Buffer
	for i := range 5 {
		json.NewEncoder(&samples).Encode(bench.SoakSample{Seconds: float64(2 * i), OpsPerS: 1e4, P50: 1e3, P99: 5e3,
			Processes: []bench.Footprint{{Process: 1, Journal: 1 << 26, RSS: 1 << 28}, {Process: 2, Journal: 1 << 25, RSS: 1 << 27}}})
	}
	json.NewEncoder(&runs).Encode(bench.RejoinRun{Way: "replay", Parts: []bench.RejoinPart{
		{Name: "before", Seconds: []bench.RejoinSecond{{At: 1, P99: 2e3}, {At: 2, P99: 3e3}}}, {Name: "away"}}})
	for _, x := range []struct {
		draw func(io.Reader) (Figure, error)
		from *bytes.Buffer
		want string
	}{{Soak, &samples, "process 2"}, {Rejoin, &runs, "before"}} {
		fig, err := x.draw(x.from)
		if err != nil {
			t.Fatal(err)
		}
		var svg bytes.Buffer
		if err := fig.Write(&svg); err != nil || !strings.Contains(svg.String(), x.want) {
			t.Errorf("%v; %q is missing", err, x.want)
		}
		if _, err := x.draw(strings.NewReader("")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("of nothing: %v", err)
		}
	}
}
