package powercut

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// disk is a Disk for a test, which is skipped where there can be none.
func disk(t *testing.T, size int64) *Disk {
	t.Helper()
	if err := Disks(); err != nil {
		t.Skip(err)
	}
	d, err := NewDisk(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// cuts is how many power cuts there are, EYRIE_POWERCUTS or so many.
func cuts(t *testing.T, short int) int {
	if v := os.Getenv("EYRIE_POWERCUTS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			t.Fatalf("EYRIE_POWERCUTS=%s is not a number of cuts", v)
		}
		return n
	}
	if testing.Short() {
		return short / 4
	}
	return short
}

// TestPowerCuts: scenarios 8, 35 and 44. A process writes to a journal and to
// a store; the power goes at any moment, while it opens them too; what it had
// acknowledged is there, nothing else but what it wrote just before, and it
// goes on from there. EYRIE_POWERCUTS is how many cuts.
func TestPowerCuts(t *testing.T) {
	if err := Disks(); err != nil {
		t.Skip(err)
	}
	const disks = 2
	var left atomic.Int64
	left.Store(int64(cuts(t, 20)))
	seed := rand.Uint64()
	if v := os.Getenv("EYRIE_POWERCUT_SEED"); v != "" {
		seed, _ = strconv.ParseUint(v, 10, 64)
	}
	t.Logf("EYRIE_POWERCUT_SEED=%d", seed)
	began := time.Now()
	var all sync.WaitGroup
	var totals [disks]*model
	for i := range totals {
		d, m := disk(t, 256<<20), newModel()
		totals[i] = m
		all.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			for n := 0; left.Add(-1) >= 0 || m.counts.few() && n < mostCuts; n++ {
				if err := cutOnce(d, m, rng); err != nil {
					t.Errorf("disk %d, cut %d: %v", i, n, err)
					return
				}
			}
		})
	}
	all.Wait()
	var c counts
	for _, m := range totals {
		c.records += m.counts.records
		c.acked += m.counts.acked
		c.checkpoints += m.counts.checkpoints
		c.unacked += m.counts.unacked
		c.torn += m.counts.torn
		c.beforeOpen += m.counts.beforeOpen
	}
	t.Logf("in %v: %d records in %d acknowledgements, %d checkpoints; %d records survived unacknowledged, %d were lost; %d cuts before the journal was open",
		time.Since(began).Round(time.Second), c.records, c.acked, c.checkpoints, c.unacked, c.torn, c.beforeOpen)
	if c.few() {
		t.Error("too little happened between the cuts to prove anything")
	}
}

// mostCuts are how often a disk's power is cut, on a machine so busy that writers
// hardly come to anything in between, until enough has happened.
const mostCuts = 300

// few says that too little happened to prove anything.
func (c *counts) few() bool { return c.acked < 10 || c.checkpoints < 3 }

// cutOnce is one life of the writer, the cut, and what is left.
func cutOnce(d *Disk, m *model, rng *rand.Rand) error {
	cmd := writer(d.Dir, rng.Uint64(), m.next, 0)
	var said, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &errs
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	if err := cmd.Start(); err != nil {
		return err
	}
	err = loadAndCut(d, rng, cmd.Process)
	_ = cmd.Wait() // and until all that it has said is there
	if err != nil {
		return err
	}
	if text := errs.String(); text != "" {
		return fmt.Errorf("the writer ended: %s", text)
	}
	if !strings.Contains(said.String(), "o ") {
		m.counts.beforeOpen++
	}
	if err := m.hear(said.String()); err != nil {
		return err
	}
	if err := d.Unmount(); err != nil {
		return err
	}
	if err := d.Mount(); err != nil {
		return err
	}
	return checkCopy(d.Dir, m)
}

// loadAndCut waits a random while and cuts the power, in some runs while the
// kernel is writing back.
func loadAndCut(d *Disk, rng *rand.Rand, p *os.Process) error {
	wait := time.Duration(rng.IntN(400)) * time.Millisecond
	if rng.IntN(4) == 0 {
		wait /= 8 // about when it opens
	}
	back := rng.IntN(3)
	time.Sleep(wait)
	var writing sync.WaitGroup
	if back > 0 {
		if err := d.WriteBack(); err != nil {
			return err
		}
		time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
	}
	if back > 1 {
		writing.Go(func() { _ = d.WriteBack() })
		time.Sleep(time.Duration(rng.IntN(1000)) * time.Microsecond)
	}
	err := d.CutFrom(p)
	writing.Wait()
	return err
}

// checkCopy checks a copy of a directory, so that the writer too will find it as
// the cut has left it, and be cut off while it repairs it.
func checkCopy(dir string, m *model) error {
	copied, err := os.MkdirTemp(os.Getenv(inside), "copy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(copied)
	if err := run("cp", "-r", "--sparse=always", dir+"/.", copied); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(copied, "lost+found")); err != nil {
		return err
	}
	// Badger's lock would live on in a child that is forked just now.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return m.check(copied)
}
