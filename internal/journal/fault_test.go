package journal

import (
	"encoding/binary"
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
			if err := f.ensure(4096, false); !errors.Is(err, syscall.EIO) {
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

// filled appends and commits, with chores, until a batch finds no room, which it
// returns. The room that is left must have been told before.
func (m *model) filled(t *testing.T, mem *vfs.Mem) *Batch {
	t.Helper()
	for i := uint64(1); ; i++ {
		cramped := m.j.Cramped()
		m.append(0, i, make([]byte, 100+i%7*50))
		if i%5 == 0 {
			m.append(1, 0, binary.LittleEndian.AppendUint64(nil, 0))
		}
		b := m.j.Take()
		err := b.Commit()
		if errors.Is(err, ErrNoRoom) {
			if !cramped || !errors.Is(err, vfs.ErrFull) {
				t.Fatalf("cramped %v before %v", cramped, err)
			}
			return b
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.acked, err = m.j.Done(b); err != nil {
			t.Fatal(err)
		}
		if err := m.upkeep(); err != nil {
			t.Fatalf("chores on a full disk: %v", err)
		}
	}
}

// A disk without room for another segment ends nothing: what is there can be used
// up, a batch that needs more waits, and is durable when there is room. Whatever
// happens in between finds what was acknowledged.
func TestFullDiskWaits(t *testing.T) {
	for capacity := int64(20_000); capacity < 40_000; capacity += 509 {
		mem := vfs.NewMem()
		opts := small
		opts.Reserve = 8192
		m := newModel(t, mem, opts)
		mem.SetCapacity(capacity)
		b := m.filled(t, mem)
		if room, err := m.j.Room(); room > 0 || err != nil {
			t.Fatalf("room %d, %v", room, err)
		}
		for range 3 { // and chores beside it
			m.now += 10
			if err := errors.Join(b.Commit(), m.upkeep()); !errors.Is(err, ErrNoRoom) || m.j.Err() != nil {
				t.Fatalf("again: %v, %v", err, m.j.Err())
			}
		}
		for _, keep := range []func(int) int{func(int) int { return 0 }, func(n int) int { return n - 1 }, rand.New(rand.NewPCG(uint64(capacity), 0)).IntN} {
			disk := mem.Clone()
			disk.Crash(keep)
			if err := m.verify(disk, opts); err != nil {
				t.Fatalf("a power cut while a batch waits: %v", err)
			}
		}
		m.append(2, 1, []byte("meanwhile")) // gathers
		mem.SetCapacity(0)
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		var err error
		if m.acked, err = m.j.Done(b); err != nil {
			t.Fatal(err)
		}
		m.now += 10
		if err := m.upkeep(); err != nil || m.j.Cramped() {
			t.Fatalf("with room again: cramped %v, %v", m.j.Cramped(), err)
		}
		if err := m.script(uint64(capacity), 10); err != nil {
			t.Fatal(err)
		}
		mem.Crash(func(int) int { return 0 })
		if err := m.verify(mem, opts); err != nil {
			t.Fatalf("after all: %v", err)
		}
	}
}

// What keeps the oldest segment is copied into what is left of the tail, if it fits
// there: that is what makes room. What does not fit would have to wait for room, and
// all that is appended after it.
func TestFullDiskCopiesIntoTheTail(t *testing.T) {
	for idle, fits := range map[int]bool{10: true, 3000: false} {
		mem := vfs.NewMem()
		m := newModel(t, mem, small)
		mem.SetCapacity(40_000)
		m.append(9, 1, make([]byte, idle))
		last := uint64(0)
		for !m.j.Cramped() {
			last++
			m.append(0, last, make([]byte, 300))
			if err := errors.Join(m.commit(), m.upkeep()); err != nil {
				t.Fatal(err)
			}
		}
		m.trim(0, last) // all but what idles is dead
		rounds := func() {
			for range 20 {
				m.now += 10
				if err := errors.Join(m.commit(), m.upkeep()); err != nil {
					t.Fatal(err)
				}
			}
		}
		rounds()
		if m.j.Cramped() == fits || m.j.Segments() > small.Keep == fits {
			t.Errorf("%d bytes idle: cramped: %v; %d segments of %d bytes, of which %d live", idle, m.j.Cramped(), m.j.Segments(), m.j.Size(), m.j.Live())
		}
		mem.SetCapacity(0)
		rounds()
		if m.j.Cramped() || m.j.Segments() > small.Keep {
			t.Errorf("%d bytes idle, with room again: cramped: %v; %d segments", idle, m.j.Cramped(), m.j.Segments())
		}
		mem.Crash(func(int) int { return 0 })
		if err := m.verify(mem, small); err != nil {
			t.Error(err)
		}
	}
}

// A disk that takes long to find that it is full keeps no other chore from being
// done, least of all the removal of segments, which makes room.
func TestSlowFullDisk(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	full := false
	mem.Hook(func(op vfs.Op) (out vfs.Outcome) {
		if full && op.Kind == vfs.OpAllocate {
			out.Err = vfs.ErrFull
		}
		return out
	})
	last := uint64(0)
	for !m.j.Cramped() {
		full = m.j.Segments() > 6
		last++
		m.append(0, last, make([]byte, 200))
		if err := errors.Join(m.commit(), m.upkeep()); err != nil {
			t.Fatal(err)
		}
	}
	m.trim(0, last)
	if err := m.commit(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		u := m.j.Upkeep(m.now)
		m.now += 2 * small.FrontierEvery
		if u == nil {
			continue
		}
		_ = u.Commit()
		if _, err := m.j.Done(u); err != nil {
			t.Fatal(err)
		}
	}
	if n := m.j.Segments(); n != 1 || !m.j.Cramped() {
		t.Errorf("cramped: %v; %d segments, of which all but the last are dead", m.j.Cramped(), n)
	}
}

// The room for one segment goes to the one that a batch waits for, not to the one
// after it, which is made ahead.
func TestRoomIsForWhoWaits(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	mem.SetCapacity(30_000)
	b := m.filled(t, mem)
	free, err := mem.Free(".")
	if err != nil {
		t.Fatal(err)
	}
	mem.SetCapacity(30_000 - int64(free) + 4096 + 1024)
	for range 3 {
		m.now += 10
		if err := m.upkeep(); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(); err != nil {
		t.Error(err)
	}
}

// A segment to which a batch writes stays, though the chore that was to make it
// wanted it larger and finds no room: Mend has made the tail smaller in between.
func TestUsedSegmentStays(t *testing.T) {
	mem := vfs.NewMem()
	opts := Options{SegmentSize: 64 << 10, Keep: 3, FrontierEvery: 3}
	m := newModel(t, mem, opts)
	m.append(0, 0, binary.LittleEndian.AppendUint64(nil, 0))
	var chore *Batch
	for i, made := uint64(1), (*segmentFile)(nil); m.j.next == made || m.j.nextSize() < opts.SegmentSize/4; i++ {
		if chore != nil {
			_ = chore.Commit()
			if _, err := m.j.Done(chore); err != nil {
				t.Fatal(err)
			}
		}
		m.append(0, i, make([]byte, 300))
		m.trim(0, i-1)
		if err := m.commit(); err != nil {
			t.Fatal(err)
		}
		m.now, made = m.now+1, m.j.next
		chore = m.j.Upkeep(m.now) // at last one that makes a segment
	}
	s, wanted := m.j.tail(), m.j.nextSize()
	mem.Flip("j/"+segmentName(s.number), 70, 3)
	for m.j.Scrub(1<<20) == nil {
	}
	m.again(1 << 20)
	if err := m.commit(); err != nil {
		t.Fatal(err)
	}
	if next := m.j.tail(); next.number != s.number+1 || next.size >= wanted {
		t.Fatalf("segment %d of %d bytes follows %d, %d were wanted", next.number, next.size, s.number, wanted)
	}
	mem.SetCapacity(1)
	if err := chore.Commit(); err != nil {
		t.Error(err)
	}
	mem.SetCapacity(0)
	mem.Flip("j/"+segmentName(s.number), 70, 3) // as it was: nothing else is wrong
	mem.Kill()
	if err := m.verify(mem, opts); err != nil {
		t.Error(err)
	}
}

// Who cannot wait gives the batch up, and with it the journal.
func TestFullDiskGivenUp(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	mem.SetCapacity(30_000)
	b := m.filled(t, mem)
	mem.SetCapacity(0)
	if d, err := m.j.Done(b); !errors.Is(err, ErrNoRoom) || d != m.acked || m.j.Append(0, 999, nil) != 0 {
		t.Errorf("durable %d after %d: %v", d, m.acked, err)
	}
	mem.Kill()
	if err := m.verify(mem, small); err != nil {
		t.Error(err)
	}
}

// What finds no room while a segment is made is tried again. A sync that says so
// has failed as any other.
func TestNoRoomIsTriedAgain(t *testing.T) {
	for kind, again := range map[vfs.OpKind]bool{vfs.OpCreate: true, vfs.OpAllocate: true, vfs.OpSync: false, vfs.OpSyncDir: false} {
		mem := vfs.NewMem()
		f := &segmentFile{fs: mem, dir: ".", number: 4}
		first := true
		mem.Hook(func(op vfs.Op) (out vfs.Outcome) {
			if op.Kind == kind && first {
				first, out.Err = false, vfs.ErrFull
			}
			return out
		})
		if err := f.ensure(4096, false); !errors.Is(err, vfs.ErrFull) || errors.Is(err, ErrNoRoom) != again {
			t.Errorf("%s: %v", kind, err)
		}
		if again {
			if names, err := mem.List("."); err != nil || len(names) > 0 {
				t.Errorf("%s: there is %v, %v", kind, names, err)
			}
		}
		if err := f.ensure(4096, false); (err == nil) != again {
			t.Errorf("%s: then %v", kind, err)
		}
		if err := f.close(); err != nil {
			t.Error(err)
		}
	}
}
