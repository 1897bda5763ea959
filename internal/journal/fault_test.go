package journal

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// Every single operation fails once, as a device's do. Nothing is acknowledged
// afterwards, and a process that comes after finds all that was, and keeps
// what it found: the failed sync's bytes were readable and not on the disk.
func TestEveryFailure(t *testing.T) {
	for _, kind := range []vfs.OpKind{vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpAllocate, vfs.OpRemove, vfs.OpSyncDir} {
		for k := 1; ; k++ {
			mem := vfs.NewMem()
			m := newModel(t, mem, small)
			mem.Fail(kind, k)
			err := m.script(3, 25)
			if err == nil {
				t.Logf("%d of %s", k-1, kind)
				break
			}
			if err := m.afterFailure(mem, err); err != nil {
				t.Fatalf("%s %d fails: %v", kind, k, err)
			}
		}
	}
}

// What could not be made for one is not there for another who needs it at the same
// time: a batch that was under way when upkeep failed would be acknowledged in a file
// whose name is not durable.
func TestFailedSegmentStaysFailed(t *testing.T) {
	for _, kind := range []vfs.OpKind{vfs.OpCreate, vfs.OpAllocate, vfs.OpSync, vfs.OpSyncDir} {
		mem := vfs.NewMem()
		f := &segmentFile{fs: mem, dir: ".", number: 4}
		mem.Fail(kind, 1)
		for i := range 2 {
			if err := f.ensure(4096); !errors.Is(err, syscall.EIO) {
				t.Errorf("%s fails: attempt %d: %v", kind, i+1, err)
			}
		}
		if err := f.close(); err != nil {
			t.Error(err)
		}
	}
}

func (m *model) afterFailure(mem *vfs.Mem, err error) error {
	j := m.j
	if !errors.Is(err, syscall.EIO) || !errors.Is(j.Err(), syscall.EIO) {
		return fmt.Errorf("error %w, of the journal %w", err, j.Err())
	}
	ops := mem.Ops()
	if j.Append(0, 999, nil) != 0 || !errors.Is(j.Take().Commit(), syscall.EIO) || j.Upkeep(1e9) != nil || mem.Ops() != ops {
		return errors.New("the journal is not dead")
	}
	if d, err := j.Done(j.Take()); err == nil || d != m.acked {
		return fmt.Errorf("durable %d after %d: %w", d, m.acked, err)
	}
	disk := mem.Clone()
	disk.Crash(func(int) int { return 0 })
	if err := m.verify(disk, small); err != nil {
		return fmt.Errorf("with a power cut: %w", err)
	}
	mem.Kill()
	if err := m.verify(mem.Clone(), small); err != nil {
		return fmt.Errorf("another process: %w", err)
	}
	next := *m
	if err := next.open(small); err != nil {
		return err
	}
	next.acked = next.j.Durable() // all that it was shown
	next.all = maps.Clone(m.all)
	maps.DeleteFunc(next.all, func(seq uint64, _ Record) bool { return seq > next.acked })
	next.append(0, 5000, []byte("one more"))
	if err := next.commit(); err != nil {
		return err
	}
	mem.Crash(func(int) int { return 0 })
	if err := next.verify(mem, small); err != nil {
		return fmt.Errorf("another process and then a power cut: %w", err)
	}
	return nil
}

// A disk that says it has written and has not is caught if the frontier knows
// better.
func TestLyingSyncs(t *testing.T) {
	caught := 0
	for k := range 40 {
		mem := vfs.NewMem()
		m := newModel(t, mem, small)
		n := 0
		mem.Hook(func(op vfs.Op) (out vfs.Outcome) {
			if op.Kind == vfs.OpSync && op.Name != "j/frontier" {
				n++
				out.Lie = n >= k+2
			}
			return out
		})
		m.script(4, 20)
		m.now += 100
		m.upkeep()
		mem.Crash(func(int) int { return 0 })
		err := m.verify(mem, small)
		if err != nil && !errors.Is(err, ErrAmnesia) {
			t.Fatalf("lies from sync %d on: %v", k, err)
		}
		if n > k+2 && err == nil {
			t.Errorf("lies from sync %d on went unnoticed", k)
		}
		if err != nil {
			caught++
		}
	}
	t.Logf("%d of 40 caught", caught)
}

// A write that went elsewhere on the disk.
func TestMisplacedWrites(t *testing.T) {
	amnesia := 0
	for k := 1; k < 40; k++ {
		for _, shift := range []int64{-1024, -512, 512, 1024} {
			mem := vfs.NewMem()
			m := newModel(t, mem, small)
			n := 0
			mem.Hook(func(op vfs.Op) (out vfs.Outcome) {
				if op.Kind == vfs.OpWrite && op.Name != "j/frontier" {
					if n++; n == k && op.Offset+shift >= 0 && op.Offset+shift+int64(op.Len) <= 4096 {
						out.Shift = shift
					}
				}
				return out
			})
			m.script(5, 20)
			mem.Crash(rand.New(rand.NewPCG(uint64(k), 0)).IntN)
			switch err := m.verify(mem, small); {
			case errors.Is(err, ErrAmnesia):
				amnesia++
			case err != nil:
				t.Errorf("write %d by %d: %v", k, shift, err)
			}
		}
	}
	t.Logf("%d refused", amnesia)
}

func TestFullDiskKillsTheJournal(t *testing.T) {
	mem := vfs.NewMem()
	opts := small
	opts.Reserve = 8192
	m := newModel(t, mem, opts)
	mem.SetCapacity(40000)
	before, _ := m.j.Room()
	var err error
	for i := uint64(1); err == nil; i++ {
		m.append(0, i, make([]byte, 200))
		if err = m.commit(); err == nil {
			err = m.upkeep()
		}
	}
	if room, _ := m.j.Room(); !errors.Is(err, vfs.ErrFull) || before <= 0 || room > 0 {
		t.Errorf("room %d, then %d: %v", before, room, err)
	}
	mem.Kill()
	mem.SetCapacity(0)
	if err := m.verify(mem, opts); err != nil {
		t.Error(err)
	}
}
