package journal

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

const crashSteps = 40

// After every single operation of a script the power goes, with several
// outcomes each; then again after each operation of the recovery.
func TestEveryCrashPoint(t *testing.T) {
	outcomes := []func(int) int{
		func(int) int { return 0 },
		func(n int) int { return n - 1 },
	}
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 7))
		outcomes = append(outcomes, rng.IntN)
	}
	for k := 0; ; k++ {
		mem := vfs.NewMem()
		m := newModel(t, mem, small)
		mem.StopAfter(k)
		err := m.script(2, crashSteps)
		for i, rng := range outcomes {
			disk := mem.Clone()
			disk.Crash(rng)
			if err := m.verifyCrashing(disk, rng); err != nil {
				t.Fatalf("power cut after operation %d, outcome %d: %v", k, i, err)
			}
		}
		if err == nil {
			t.Logf("%d crash points, %d segments at the end", k, m.j.Segments())
			return
		}
	}
}

// verifyCrashing lets the recovery be cut off at a few of its operations first.
func (m *model) verifyCrashing(disk *vfs.Mem, rng func(int) int) error {
	for k := 0; ; k++ {
		again := disk.Clone()
		again.StopAfter(k)
		err := m.verify(again, small)
		if err == nil {
			return nil
		}
		if !errors.Is(err, vfs.ErrStopped) {
			return err
		}
		again.Crash(rng)
		if err := m.verify(again, small); err != nil {
			return err
		}
	}
}
