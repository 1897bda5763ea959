package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestIdleCost measures what six processes cost that have nothing to do; its
// figures are in docs/benchmarks. The bound on CPU is loose, since other
// work on the machine makes every wake-up dearer.
func TestIdleCost(t *testing.T) {
	if !long() {
		t.Skip("takes half a minute: EYRIE_E2E=long")
	}
	for name, durable := range map[string]bool{"in memory": false, "durable": true} {
		t.Run(name, func(t *testing.T) { idleCost(t, startCluster(t, 2, 3, durable)) })
	}
}

func idleCost(t *testing.T, p *processes) {
	if out, code := eyrie(t, nil, "volery", "create", "/a", "--cluster", p.file); code != 0 {
		t.Fatal(out)
	}
	time.Sleep(5 * time.Second) // what a start costs is over
	length := 30 * time.Second
	if p.durable {
		length = 2 * length // two checkpoints, and the time after them
	}
	before := p.cpu()
	time.Sleep(length)
	share := 100 * float64(p.cpu()-before) / float64(length)
	load, _ := os.ReadFile("/proc/loadavg")
	var most int64
	for _, m := range p.memory() {
		most = max(most, m)
	}
	t.Logf("%.1f %% of one core altogether, at most %.1f MiB each (load %s)", share, float64(most)/(1<<20), strings.Fields(string(load))[0])
	if share > 8 || most > 40<<20 {
		t.Error("too much for idle processes")
	}
}

// cpu is the time that all processes have used so far, to the nanosecond.
func (p *processes) cpu() (sum time.Duration) {
	p.t.Helper()
	for _, cmd := range p.cmds {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", cmd.Process.Pid))
		if len(tasks) == 0 {
			p.t.Skip("no /proc/PID/task/*/schedstat to read CPU time from")
		}
		for _, f := range tasks {
			b, err := os.ReadFile(f)
			var used int64
			if _, serr := fmt.Sscan(string(b), &used); err == nil && serr == nil {
				sum += time.Duration(used)
			}
		}
	}
	return sum
}
