package journal

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// An idle ensemble's promise and votes outlive the segments that they were
// written to, and hold no room [C6].
func TestIdleEnsembleIsCopiedForward(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	m.append(7, 0, []byte("promised round 7"))
	m.append(7, 3, []byte("vote"))
	for i := uint64(1); i < 2000; i++ {
		m.append(0, i, make([]byte, 100))
		if i%10 == 0 {
			m.trim(0, i-5)
		}
		if m.commit() != nil || m.upkeep() != nil {
			t.Fatal(m.j.Err())
		}
		if m.j.Segments() > small.Keep+2 {
			t.Fatalf("%d segments after %d", m.j.Segments(), i)
		}
	}
	if first := m.j.segments[0].number; first < 50 {
		t.Errorf("segment %d is still there", first)
	}
	mem.Crash(func(int) int { return 0 })
	if err := m.verify(mem, small); err != nil {
		t.Error(err)
	}
}

// A new journal takes little room, so that what is promised first does not wait for
// much to be zeroed; its segments grow to their full size, and power cuts meanwhile
// lose nothing.
func TestSegmentsGrow(t *testing.T) {
	mem := vfs.NewMem()
	var opts Options
	m := newModel(t, mem, opts)
	full := m.j.opts.SegmentSize
	m.append(0, 1, []byte("first"))
	if err := m.commit(); err != nil {
		t.Fatal(err)
	}
	if size := m.j.Size(); size != full/firstShare {
		t.Errorf("one record takes %d bytes", size)
	}
	for sizes, k := int64(0), uint64(2); sizes < full; k++ {
		before := m.j.Segments()
		m.append(0, k, make([]byte, 100<<10))
		if err := m.commit(); err != nil {
			t.Fatal(err)
		}
		if m.j.Segments() == before {
			continue
		}
		if sizes = m.j.tail().size; sizes != min(full, 2*m.j.segments[before-1].size) {
			t.Fatalf("a segment of %d bytes follows one of %d", sizes, m.j.segments[before-1].size)
		}
		disk := mem.Clone()
		disk.Crash(func(int) int { return 0 })
		if err := m.verify(disk, opts); err != nil {
			t.Fatal(err)
		}
	}
}

// Many live bytes in the oldest segment do not hold all later ones.
func TestRoomIsBoundedByWhatLives(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	for i := uint64(1); i <= 20; i++ {
		m.append(7, i, make([]byte, 100)) // a full segment that lives on
	}
	for i := uint64(1); i < 3000; i++ {
		m.append(0, i, make([]byte, 100))
		m.j.Trim(0, i-1)
		if m.commit() != nil || m.upkeep() != nil {
			t.Fatal(m.j.Err())
		}
		if most := 5*m.j.Live() + 8*small.SegmentSize; m.j.Size() > most {
			t.Fatalf("%d bytes taken, %d live", m.j.Size(), m.j.Live())
		}
	}
}

// After a removal one slot of the frontier is enough, whichever it is.
func TestOneSlotIsEnoughAfterARemoval(t *testing.T) {
	mem := vfs.NewMem()
	opts := small
	opts.FrontierEvery = 1 << 40
	m := newModel(t, mem, opts)
	for i, first := uint64(1), uint32(1); ; i++ {
		m.append(0, i, make([]byte, 300))
		m.trim(0, i-1)
		if m.commit() != nil || m.upkeep() != nil {
			t.Fatal(m.j.Err())
		}
		if now := m.j.segments[0].number; now > first {
			for slot := range int64(2) {
				disk := mem.Clone()
				disk.Flip("j/frontier", slot*slotStride+20, 1)
				if err := m.verify(disk, small); err != nil {
					t.Fatalf("segment %d is the oldest, slot %d rots: %v", now, slot, err)
				}
			}
			if first = now; first > 6 {
				return
			}
		}
	}
}

// So it is after a start, whatever the frontier said of a segment that was never
// written to, and is removed.
func TestOneSlotIsEnoughAfterAStart(t *testing.T) {
	for k := 0; ; k++ {
		mem := vfs.NewMem()
		m := newModel(t, mem, small)
		mem.StopAfter(k)
		done := m.script(3, crashSteps) == nil
		mem.Crash(func(int) int { return 0 })
		if err := m.open(small); err != nil {
			t.Fatal(err)
		}
		mem.Kill()
		for slot := range int64(2) {
			disk := mem.Clone()
			disk.Flip("j/frontier", slot*slotStride+20, 1)
			if err := m.verify(disk, small); err != nil {
				t.Fatalf("power cut after operation %d, slot %d rots: %v", k, slot, err)
			}
		}
		if done {
			return
		}
	}
}

// Instances far apart cost no more than near ones.
func TestGapsInInstances(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	for _, i := range []uint64{1 << 63, 5, 1<<64 - 1, 1 << 40, 6} {
		m.append(0, i, []byte("vote"))
	}
	m.commit()
	if err := m.verify(mem.Clone(), small); err != nil {
		t.Error(err)
	}
	m.trim(0, 1<<62)
	if live := m.j.Live(); live != int64(2*span(4)+span(8)) {
		t.Errorf("%d bytes live", live)
	}
	m.trim(0, 1<<64-1)
	if e := m.j.of(0); len(e.chunks) != 0 {
		t.Errorf("%d chunks left", len(e.chunks))
	}
}

// Records larger than a segment, and states that grow.
func TestLargeRecords(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	rng := rand.New(rand.NewPCG(3, 3))
	for i := uint64(1); i < 30; i++ {
		m.append(0, i, body(rng, rng.IntN(20000)))
		m.append(1, 0, body(rng, rng.IntN(5000)))
		m.trim(0, max(i, 3)-3)
		if m.commit() != nil || m.upkeep() != nil {
			t.Fatal(m.j.Err())
		}
	}
	if n := m.j.Segments(); n > 8 {
		t.Errorf("%d segments", n)
	}
	if err := m.j.Scrub(1 << 20); err != nil {
		t.Error(err)
	}
	mem.Crash(rng.IntN)
	if err := m.verify(mem, small); err != nil {
		t.Error(err)
	}
}

// Segments in which nothing lives go together: with one at a time a slow disk
// falls behind what is written, and the journal takes many times what lives.
func TestDeadSegmentsGoTogether(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	rng := rand.New(rand.NewPCG(7, 7))
	for i := uint64(1); m.j.Segments() < 40; i++ {
		m.append(0, i, body(rng, 300))
		if err := m.commit(); err != nil {
			t.Fatal(err)
		}
	}
	m.trim(0, 1<<40)
	if err := m.commit(); err != nil {
		t.Fatal(err)
	}
	chores := 0
	for m.j.Segments() > 2 {
		m.now++
		u := m.j.Upkeep(m.now)
		if chores++; u == nil || chores > 10 {
			t.Fatalf("%d segments are left after %d chores", m.j.Segments(), chores)
		}
		if err := u.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, err := m.j.Done(u); err != nil {
			t.Fatal(err)
		}
	}
}

// As a process uses it: commits, upkeep and scrubbing on goroutines of their
// own, a real disk. For the race detector.
func TestGoroutinesOnADisk(t *testing.T) {
	fs, err := vfs.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{SegmentSize: 1 << 16, FrontierEvery: 1}
	m := newModel(t, fs, opts)
	done, chores := make(chan *Batch, 1), make(chan *Batch, 1)
	stop, wait := make(chan bool), sync.WaitGroup{}
	wait.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := m.j.Scrub(10000); err != nil {
				t.Error(err)
				return
			}
			runtime.Gosched()
		}
	})
	rng := rand.New(rand.NewPCG(4, 4))
	flying, chore, i := false, false, uint64(0)
	for m.j.Durable() < 3000 && m.j.Err() == nil {
		if i++; m.j.Pending() < 1<<16 {
			m.append(0, i, body(rng, rng.IntN(300)))
			m.trim(0, max(i, 20)-20)
		}
		if b := m.j.Take(); b != nil {
			flying = true
			go func() { b.Commit(); done <- b }()
		}
		m.now++
		if u := m.j.Upkeep(m.now); u != nil {
			chore = true
			go func() { u.Commit(); chores <- u }()
		}
		select {
		case b := <-done:
			flying = false
			m.acked, _ = m.j.Done(b)
		case u := <-chores:
			chore = false
			m.j.Done(u)
		default:
			runtime.Gosched()
		}
	}
	if flying {
		m.j.Done(<-done)
	}
	if chore {
		m.j.Done(<-chores)
	}
	close(stop)
	wait.Wait()
	if err := m.j.Close(); err != nil {
		t.Fatal(err)
	}
	m.acked = m.j.Durable()
	if err := m.verify(fs, opts); err != nil {
		t.Error(err)
	}
}

func TestScrubFindsRot(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	if err := m.script(8, 20); err != nil {
		t.Fatal(err)
	}
	oldest := m.j.segments[0]
	mem.Flip("j/"+segmentName(oldest.number), oldest.end-9, 0)
	for range 1000 {
		if m.j.Scrub(100) != nil {
			return
		}
	}
	t.Error("a flipped bit was not found")
}
