package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/powercut"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// longer skips a test of several seconds where short ones are asked for.
func longer(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short")
	}
}

// powered is a cluster whose processes have a disk each, that can lose power.
type powered struct {
	*processes
	disks map[ids.Process]*powercut.Disk
}

func startPowered(t *testing.T, partitions, replicas int, size int64) *powered {
	t.Helper()
	if err := powercut.Disks(); err != nil {
		t.Skip(err)
	}
	p := &powered{disks: map[ids.Process]*powercut.Disk{}}
	t.Cleanup(func() { // after the processes have ended
		for _, d := range p.disks {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	p.processes = newCluster(t, t.TempDir(), partitions, replicas)
	for _, id := range p.all() {
		d, err := powercut.NewDisk(size)
		if err != nil {
			t.Fatal(err)
		}
		p.disks[id] = d
		p.dirs[id] = filepath.Join(d.Dir, "node")
		p.start(id)
	}
	p.waitReady(30 * time.Second)
	return p
}

// cut cuts the power of processes, all at about the same time, and starts them
// again from what their disks have.
func (p *powered) cut(which ...ids.Process) {
	p.t.Helper()
	for _, id := range which {
		if err := p.disks[id].CutFrom(p.cmds[id].Process); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, id := range which {
		p.cmds[id].Wait()
		if err := errors.Join(p.disks[id].Unmount(), p.disks[id].Mount()); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, id := range which {
		p.start(id)
	}
	p.waitReady(30 * time.Second)
}

// TestPowerIsCut: scenarios 38, 39 and 44 with real disks. Processes lose power
// under load, one, a minority, or all there are. What was acknowledged is there,
// and nothing was done twice. EYRIE_POWERCUTS=n cuts n times, six processes.
func TestPowerIsCut(t *testing.T) {
	t.Parallel()
	partitions, rounds := 1, 4
	if testing.Short() {
		rounds = 1
	}
	if v := os.Getenv("EYRIE_POWERCUTS"); v != "" {
		partitions = 2
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	p := startPowered(t, partitions, 3, 1<<30)
	load := hammer(t, p.processes, 8)
	for round := range rounds {
		which := p.all()
		switch round % 4 {
		case 0:
			rand.Shuffle(len(which), func(i, k int) { which[i], which[k] = which[k], which[i] })
			which = which[:1]
		case 1:
			which = nil // a minority of each partition
			for _, members := range p.desc.Partitions {
				which = append(which, members[rand.IntN(len(members))].ID)
			}
		case 2:
			which = nil // the whole of one
			for _, m := range p.desc.Partitions[rand.IntN(partitions)] {
				which = append(which, m.ID)
			}
		}
		load.goesOn(50)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		began := time.Now()
		p.cut(which...)
		load.goesOn(1)
		t.Logf("power of %v cut; goes on after %v", which, time.Since(began).Round(10*time.Millisecond))
	}
	load.goesOn(50)
	load.check()
}

// hammered is a load by workers of one client, and what was acknowledged.
type hammered struct {
	t       *testing.T
	client  *volery.Client
	acks    atomic.Int64
	stop    context.CancelFunc
	workers sync.WaitGroup
	done    []progress // of each worker
}

// progress is what a worker knows to have been done: nodes made, and writes to a
// node that counts them.
type progress struct{ created, written int }

func hammer(t *testing.T, p *processes, workers int) *hammered {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := ssmr.Dial(ctx, p.file, apps.Service, ssmr.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	h := &hammered{t: t, client: volery.NewClient(s), stop: cancel, done: make([]progress, workers)}
	t.Cleanup(func() { cancel(); h.workers.Wait(); s.Close() })
	for w := range h.done {
		if _, err := h.client.Create(ctx, home(w), nil); err != nil {
			t.Fatal(err)
		}
		h.workers.Go(func() {
			if err := h.work(ctx, w); ctx.Err() == nil {
				t.Errorf("worker %d, %+v: %v", w, h.done[w], err)
			}
		})
	}
	return h
}

func home(worker int) string { return fmt.Sprintf("/w%d", worker) }

// work makes nodes and counts, until an error. Applied twice, a creation would
// fail and a count would be too high.
func (h *hammered) work(ctx context.Context, w int) error {
	for {
		done := &h.done[w]
		text := fmt.Sprint(done.created)
		if _, err := h.client.Create(ctx, home(w)+"/"+text, []byte(text)); err != nil {
			return err
		}
		done.created++
		h.acks.Add(1)
		if _, err := h.client.SetData(ctx, home(w), []byte(text), -1); err != nil {
			return err
		}
		done.written++
		h.acks.Add(1)
	}
}

func (h *hammered) goesOn(n int64) {
	h.t.Helper()
	before := h.acks.Load()
	eventually(h.t, 30*time.Second, "the load goes on", func() bool { return h.acks.Load() >= before+n })
}

// check ends the load and reads all of it back.
func (h *hammered) check() {
	h.t.Helper()
	h.stop()
	h.workers.Wait()
	h.verify(h.client)
	h.t.Logf("%d acknowledged", h.acks.Load())
}

func (h *hammered) verify(c *volery.Client) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for w, done := range h.done {
		_, stat, err := c.GetData(ctx, home(w))
		if v := int(stat.Version); err != nil || v < done.written || v > done.written+1 { // one is of unknown outcome
			h.t.Errorf("%s was written %d times, and %d were acknowledged; %v", home(w), v, done.written, err)
		}
		names, _, err := c.GetChildren(ctx, home(w))
		if err != nil || len(names) < done.created || len(names) > done.created+1 {
			h.t.Errorf("%s has %d children, and %d were acknowledged; %v", home(w), len(names), done.created, err)
		}
		var calls []*volery.Call[volery.Content]
		for i := range done.created {
			calls = append(calls, c.GoGetData(ctx, fmt.Sprint(home(w), "/", i)))
		}
		for i, call := range calls {
			if got, err := call.Result(ctx); err != nil || string(got.Data) != fmt.Sprint(i) {
				h.t.Errorf("%s/%d: %q, %v", home(w), i, got.Data, err)
				return
			}
		}
	}
}
