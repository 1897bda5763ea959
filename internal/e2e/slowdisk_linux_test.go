package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/powercut"
	"github.com/eyrie-dev/eyrie/internal/testroom"
)

// TestSlowDisk: scenario 51. One process's disk becomes a hundred times slower:
// a coordinator's, another's. The service goes on, nobody is given up, and
// nothing that was acknowledged is missing.
func TestSlowDisk(t *testing.T) {
	longer(t)
	t.Parallel()
	dir := t.TempDir()
	testroom.Processes(t, dir, 3)
	p := newCluster(t, dir, 1, 3)
	var slow [4]atomic.Bool
	for _, id := range p.all() {
		p.dirs[id] = filepath.Join(filepath.Dir(p.file), fmt.Sprint(id))
		cmd, log := exec.Command(binary, p.args(id)...), &record{}
		cmd.Stdout, cmd.Stderr = log, log
		_, err := powercut.Start(cmd, p.dirs[id], []string{"fdatasync", "fsync"}, func(powercut.Call) (syscall.Errno, time.Duration) {
			if slow[id].Load() {
				return 0, 50 * time.Millisecond
			}
			return 0, 0
		})
		if errors.Is(err, powercut.ErrUnavailable) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.cmds[id], p.logs[id] = cmd, log
	}
	p.waitReady(30 * time.Second)
	load := hammer(t, p, 8)
	load.goesOn(100)
	coordinator := p.leader(0)
	for _, id := range []ids.Process{coordinator, coordinator%3 + 1} {
		slow[id].Store(true)
		began := time.Now()
		load.goesOn(100)
		t.Logf("with a slow disk of process %d: 100 commands in %v", id, time.Since(began).Round(10*time.Millisecond))
		slow[id].Store(false)
		load.goesOn(100)
	}
	p.waitReady(10 * time.Second)
	load.check()
}
