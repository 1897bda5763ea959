package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/testroom"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// lasting is a cluster of one partition whose processes keep directories.
type lasting struct {
	system
	dir   string
	addrs map[ids.Process]string
	disks map[ids.Process]vfs.FS // nil: real ones
}

func newLasting(t *testing.T, disks map[ids.Process]vfs.FS) *lasting {
	return newLastingOf(t, counters(), disks)
}

func newLastingOf(t *testing.T, service *partition.Service, disks map[ids.Process]vfs.FS) *lasting {
	s := &lasting{dir: t.TempDir(), addrs: map[ids.Process]string{}, disks: disks}
	testroom.Processes(t, s.dir, 3) // checkpoints are there, whatever the disks are
	s.system = system{t: t, service: service, topology: ridge.NewTopology([][]ids.Process{{1, 2, 3}}), nodes: map[ids.Process]*Node{}}
	listeners := map[ids.Process]net.Listener{}
	for p := range ids.Process(3) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[p+1], s.addrs[p+1] = ln, ln.Addr().String()
	}
	for p, ln := range listeners {
		s.start(p, ln)
	}
	s.dial()
	return s
}

// start starts a process, on a listener or where it listened before.
func (s *lasting) start(p ids.Process, ln net.Listener) {
	s.t.Helper()
	n, err := StartNode(s.t.Context(), NodeConfig{
		Core: node.Config{
			Self: p, Topology: s.topology, Service: s.service, Placement: oracle.New(1, 1, s.service),
			Ridge: ridge.DefaultTuning(), Partition: partition.DefaultTuning(),
		},
		Cluster: "test", Addrs: s.addrs, Listener: ln, Dir: filepath.Join(s.dir, fmt.Sprint(p)), fs: s.disks[p],
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { n.Close() })
	s.nodes[p] = n
}

func (s *lasting) dial() {
	s.t.Helper()
	c, err := Dial(s.t.Context(), ClientConfig{
		Core: client.Config{
			Topology: s.topology, Map: oracle.New(1, 1, s.service), Service: s.service, Tuning: client.DefaultTuning(),
		},
		Cluster: "test", Addrs: s.addrs,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	s.client = c
}

func (s *lasting) counts(want uint64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if got, err := s.count(ctx, "a"); err != nil || got != want {
		s.t.Fatalf("%d, %v; want %d", got, err, want)
	}
}

// TestStartsAgain: all processes are closed, and start again where they were,
// as the same incarnations, for the same client.
func TestStartsAgain(t *testing.T) {
	s := newLasting(t, nil)
	s.counts(1)
	incarnation := s.nodes[2].inc
	for life := range uint64(3) {
		for _, n := range s.nodes {
			if err := n.Close(); err != nil || n.Err() != nil {
				t.Fatal(err, n.Err())
			}
		}
		for p := range s.nodes {
			s.start(p, nil)
		}
		s.counts(2 + life)
	}
	if now := s.nodes[2].inc; now != incarnation {
		t.Errorf("incarnation %d became %d", incarnation, now)
	}
	st, err := s.nodes[2].Status(t.Context())
	if err != nil || st.Durable == nil || st.Durable.Checkpoint == 0 || len(st.Durable.Damaged) > 0 {
		t.Errorf("%+v, %v", st.Durable, err)
	}
}

// TestOneStartsAgain: the others go on meanwhile, and it catches up.
func TestOneStartsAgain(t *testing.T) {
	s := newLasting(t, nil)
	s.counts(1)
	for i := range uint64(3) {
		p := ids.Process(i + 1)
		s.nodes[p].Close()
		s.counts(2 + 2*i)
		s.start(p, nil)
		s.counts(3 + 2*i)
	}
	s.equal()
}

// equal waits until all replicas have the same position.
func (s *lasting) equal() {
	s.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		at := map[ids.Position]bool{}
		for _, n := range s.nodes {
			st, err := n.Status(s.t.Context())
			if err != nil {
				s.t.Fatal(err)
			}
			at[st.Replica.Position] = true
		}
		if len(at) == 1 {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("replicas are at %v", at)
		}
	}
}

// TestFailingSyncEndsTheProcess: scenarios 48 and 49. A sync that fails ends the
// process with its reason, though the next one would succeed; the others go on,
// and what was acknowledged is there. What it has is found out by its next life.
func TestFailingSyncEndsTheProcess(t *testing.T) {
	for _, kind := range []vfs.OpKind{vfs.OpSync, vfs.OpWrite} {
		t.Run(kind.String(), func(t *testing.T) {
			failing := vfs.NewMem()
			s := newLasting(t, map[ids.Process]vfs.FS{1: failing})
			s.counts(1)
			failing.Fail(kind, 3)
			n := uint64(1)
			for end := time.Now().Add(20 * time.Second); s.nodes[1].alive() && time.Now().Before(end); {
				n++
				s.counts(n)
			}
			<-s.nodes[1].Done()
			if err := s.nodes[1].Err(); err == nil || !strings.Contains(err.Error(), "journal") || !strings.Contains(err.Error(), "input/output error") {
				t.Errorf("it ended with: %v", err)
			}
			s.counts(n + 1)
			failing.Crash(func(n int) int { return 0 }) // the power fails, too: what was not synced is gone
			s.start(1, nil)
			s.counts(n + 2)
			s.equal()
		})
	}
}

func (n *Node) alive() bool {
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

// TestFullDiskRefuses: below the reserve commands are refused at once, and with
// room they are taken again.
func TestFullDiskRefuses(t *testing.T) {
	disks, sizes := map[ids.Process]vfs.FS{}, map[ids.Process]*vfs.Mem{}
	for p := range ids.Process(3) {
		sizes[p+1] = vfs.NewMem()
		disks[p+1] = sizes[p+1]
	}
	s := newLasting(t, disks)
	s.counts(1)
	capacity := func(bytes int64) {
		for _, d := range sizes {
			d.SetCapacity(bytes)
		}
	}
	capacity(reserve)
	try := func(what string, good func(error) bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		for {
			_, err := s.count(ctx, "b")
			if good(err) {
				return
			}
			if ctx.Err() != nil {
				t.Fatalf("%s: %v", what, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	try("with a full disk", func(err error) bool { return errors.Is(err, client.ErrNoRoom) })
	capacity(4 * reserve)
	try("with room again", func(err error) bool { return err == nil })
}

// TestSyncsAreShared: records that come while a sync is under way share the
// next.
func TestSyncsAreShared(t *testing.T) {
	var syncs atomic.Int64
	slow := map[ids.Process]vfs.FS{}
	for p := range ids.Process(3) {
		m := vfs.NewMem()
		m.Hook(func(op vfs.Op) vfs.Outcome {
			if op.Kind == vfs.OpSync && strings.HasPrefix(op.Name, journalDir+"/0") {
				syncs.Add(1)
				time.Sleep(2 * time.Millisecond)
			}
			return vfs.Outcome{}
		})
		slow[p+1] = m
	}
	s := newLasting(t, slow)
	s.counts(1)
	before := syncs.Load()
	s.load(50, "x", "y", "z") // 8 callers
	per := float64(syncs.Load()-before) / 400
	t.Logf("%.2f syncs of all three journals a command", per)
	if per > 1.2 {
		t.Error("syncs are not shared")
	}
}

// TestOldJournal: scenario 46. A journal that is behind its own frontier has
// lost what was durable: the process is refused, and the others go on.
func TestOldJournal(t *testing.T) {
	disk := vfs.NewMem()
	s := newLasting(t, map[ids.Process]vfs.FS{3: disk})
	s.counts(1)
	s.nodes[3].Close()
	names, err := disk.List(journalDir)
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, name := range names {
		if name != "frontier" && name != lockFile {
			disk.Lose(journalDir + "/" + name)
			lost++
		}
	}
	cfg := drawIdentity("test", 3, layout(&ridge.Topology{Replicas: s.topology.Replicas}, 0, 0))
	_, _, err = openDisk(filepath.Join(s.dir, "3"), disk, cfg, quiet)
	if lost == 0 || !errors.Is(err, ErrDirectory) || !errors.Is(err, journal.ErrAmnesia) || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("%d files of %v lost: %v", lost, names, err)
	}
	s.counts(2)
}

// unlimited says that it has room, whatever it has: as if others had filled it
// between two looks.
type unlimited struct{ *vfs.Mem }

func (unlimited) Free(string) (uint64, error) { return 1 << 40, nil }

// TestFullJournal: scenario 50. The disk that fills up within a moment, so that
// the journal finds no room for its next segment though there was plenty at the
// last look, has commands refused, and no process ends. A batch that needs that
// segment waits. With room all goes on, with what was acknowledged.
func TestFullJournal(t *testing.T) {
	var full atomic.Bool
	disks, mems := map[ids.Process]vfs.FS{}, map[ids.Process]*vfs.Mem{}
	for p := range ids.Process(3) {
		m := vfs.NewMem()
		m.Hook(func(op vfs.Op) (out vfs.Outcome) {
			if full.Load() && op.Kind == vfs.OpAllocate && op.Nth > 1 {
				out.Err = fmt.Errorf("%w: %w", vfs.ErrFull, syscall.ENOSPC)
			}
			return out
		})
		disks[p+1], mems[p+1] = unlimited{m}, m
	}
	full.Store(true)
	s := newLasting(t, disks)
	n := uint64(0)
	until := func(what string, good func(error) bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for {
			got, err := s.count(ctx, "a")
			if err == nil {
				if n++; got != n {
					t.Fatalf("%d, want %d", got, n)
				}
			} else if !errors.Is(err, client.ErrNoRoom) {
				t.Fatalf("%s: %v", what, err)
			}
			if good(err) {
				return
			}
			if ctx.Err() != nil {
				t.Fatalf("%s: %v", what, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	until("without room", func(err error) bool { return err != nil })
	time.Sleep(1200 * time.Millisecond) // another look
	until("still without", func(err error) bool { return err != nil })
	for p, node := range s.nodes {
		if st, err := node.Status(t.Context()); err != nil || !st.Durable.NoRoom {
			t.Errorf("process %d: %v", p, err)
		}
	}
	full.Store(false)
	until("with room again", func(err error) bool { return err == nil })
	for p := range mems {
		s.nodes[p].Close()
		mems[p].Crash(func(int) int { return 0 })
	}
	for p := range mems {
		s.start(p, nil)
	}
	s.counts(n + 1)
}
