package journal

import (
	"errors"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

const crashSteps = 30

// After every single operation of a script the power goes, with several
// outcomes each; then again after each operation of the recovery.
func TestEveryCrashPoint(t *testing.T) {
	for name, opts := range map[string]Options{"small": small, "growing": {SegmentSize: 16 << 10, Keep: 3, FrontierEvery: 3}} {
		t.Run(name, func(t *testing.T) { everyCrashPoint(t, opts) })
	}
}

func everyCrashPoint(t *testing.T, opts Options) {
	outcomes := []func(int) int{
		func(int) int { return 0 },
		func(n int) int { return n - 1 },
	}
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 7))
		outcomes = append(outcomes, rng.IntN)
	}
	for k := 0; ; k++ {
		mem := vfs.NewMem()
		m := newModel(t, mem, opts)
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

// verifyCrashing lets the recovery be cut off at each of its operations first.
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

// A crash while a journal is made leaves none, or one: then Create is refused.
func TestCreateCrashes(t *testing.T) {
	for k := 0; ; k++ {
		mem := vfs.NewMem()
		mem.StopAfter(k)
		err := Create(mem, "j", testID)
		rng := rand.New(rand.NewPCG(uint64(k), 0))
		disk := mem.Clone()
		disk.Crash(rng.IntN)
		again := Create(disk, "j", testID)
		if again != nil && !errors.Is(again, ErrExists) {
			t.Fatalf("after operation %d: %v", k, again)
		}
		m := &model{fs: disk}
		if err := m.open(small); err != nil {
			t.Fatalf("after operation %d: %v", k, err)
		}
		if err == nil {
			return
		}
	}
}

// A journal lives through many crashes, between which it is written to; chores
// run beside batches. Half of the crashes kill the process only.
func TestGenerations(t *testing.T) {
	runs := uint64(150)
	if testing.Short() {
		runs = 30
	}
	for seed := range runs {
		rng := rand.New(rand.NewPCG(seed, 1))
		mem := vfs.NewMem()
		m := newModel(t, mem, small)
		for gen := range uint64(8) {
			m.mix = rng
			mem.StopAfter(rng.IntN(60))
			m.script(seed<<8+gen, 1+rng.IntN(20))
			if rng.IntN(2) == 0 {
				mem.Kill()
			} else {
				mem.Crash(rng.IntN)
			}
			if err := m.verify(mem.Clone(), small); err != nil {
				t.Fatalf("seed %d, generation %d: %v", seed, gen, err)
			}
			if err := m.open(small); err != nil {
				t.Fatalf("seed %d, generation %d: %v", seed, gen, err)
			}
			m.acked = m.j.Durable()
			maps.DeleteFunc(m.all, func(seq uint64, _ Record) bool { return seq > m.acked })
		}
	}
}
