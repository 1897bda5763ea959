package bench

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/testroom"
)

// Durable processes are under load, and what they take is seen.
func TestSoak(t *testing.T) {
	var out, words bytes.Buffer
	testroom.Processes(t, t.TempDir(), 6)
	args := strings.Fields("-json -minutes 0.07 -every 1s -znodes 100 -outstanding 8 -partitions 2 -share 0.1 -dir " + t.TempDir() + " -eyrie " + eyrieBinary(t))
	if status := Soak(t.Context(), args, &out, &words); status != 0 {
		t.Fatalf("status %d: %s", status, words.String())
	}
	var ops float64
	var most [6]Footprint // of each process: on a busy machine it does not answer in time now and then
	n := 0
	for lines := json.NewDecoder(&out); lines.More(); n++ {
		var s SoakSample
		if err := lines.Decode(&s); err != nil {
			t.Fatal(err)
		}
		ops += s.OpsPerS
		if len(s.Processes) != 6 {
			t.Fatalf("%+v", s)
		}
		for i, f := range s.Processes {
			m := &most[i]
			m.Journal, m.RSS, m.Heap = max(m.Journal, f.Journal), max(m.RSS, f.RSS), max(m.Heap, f.Heap)
			m.State, m.Clients = max(m.State, f.State), max(m.Clients, f.Clients)
		}
	}
	for i, f := range most {
		if f.Journal == 0 || f.RSS == 0 || f.Heap == 0 || f.State == 0 || f.Clients == 0 {
			t.Errorf("process %d: %+v", i+1, f)
		}
	}
	if n != 4 || ops == 0 || !strings.Contains(words.String(), "no verdict") {
		t.Errorf("%d samples, %.0f operations a second: %s", n, ops, words.String())
	}
}

// saws are samples of two processes whose disk rises and falls, and grows by
// some bytes a minute.
func saws(grows float64) (samples []SoakSample) {
	for i := range 300 {
		at := 2 * float64(i)
		s := SoakSample{Seconds: at, Warm: at < 150, OpsPerS: 1000}
		for p := range 2 {
			f := Footprint{Process: p + 1, Journal: 64 << 20, RSS: 200 << 20, Checkpoint: uint64(i) / 5}
			f.Checkpoints = float64((i+7*p)%40)*1e6 + 20e6
			if s.Warm {
				f.Checkpoints *= at / 150
			}
			if p == 1 {
				f.Checkpoints += grows * at / 60
			}
			s.Processes = append(s.Processes, f)
		}
		samples = append(samples, s)
	}
	return samples
}

func TestGrowth(t *testing.T) {
	for _, x := range []struct {
		grows float64
		flat  bool
	}{{0, true}, {0.5e6, true}, {4e6, false}, {-4e6, true}} {
		var words bytes.Buffer
		if flat := writeGrowth(&words, saws(x.grows)); flat != x.flat || strings.Contains(words.String(), "GROWS") == flat {
			t.Errorf("%.1f MB a minute: flat %v: %s", x.grows/1e6, flat, words.String())
		}
	}
	failed := saws(0)
	failed[200].Errors = 1
	if writeGrowth(new(bytes.Buffer), failed) {
		t.Error("an operation failed, and all is well")
	}
}
