package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/testroom"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// sharing is a cluster of two partitions on three machines, each of which runs a
// replica of both, in one directory.
type sharing struct {
	system
	dir    string
	addrs  map[ids.Process]string
	disks  [3]vfs.FS // nil: real ones
	shared [3]*Shared
}

func newSharing(t *testing.T, disks [3]vfs.FS) *sharing {
	s := &sharing{dir: t.TempDir(), addrs: map[ids.Process]string{}, disks: disks}
	testroom.Processes(t, s.dir, 6) // checkpoints are there, whatever the disks are
	s.system = system{t: t, service: counters(), topology: ridge.NewTopology([][]ids.Process{{1, 2, 3}, {4, 5, 6}}), nodes: map[ids.Process]*Node{}}
	var listeners [6]net.Listener
	for i := range listeners {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[i], s.addrs[ids.Process(i+1)] = ln, ln.Addr().String()
	}
	for m := range s.shared {
		s.start(m, listeners[m], listeners[m+3])
	}
	c, err := Dial(t.Context(), ClientConfig{
		Core:    client.Config{Topology: s.topology, Map: oracle.New(1, 2, s.service), Service: s.service, Tuning: client.DefaultTuning()},
		Cluster: "test", Addrs: s.addrs,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s.client = c
	return s
}

func (s *sharing) members(m int) []ids.Process {
	return []ids.Process{ids.Process(m + 1), ids.Process(m + 4)}
}

func (s *sharing) machine(m int) string { return filepath.Join(s.dir, fmt.Sprint("machine", m+1)) }

func (s *sharing) open(m int) (*Shared, error) {
	return openShared(s.machine(m), s.disks[m], drawIdentity("test", 0, layoutOf(s.topology)), s.members(m), quiet)
}

func (s *sharing) config(p ids.Process) NodeConfig {
	return NodeConfig{
		Core: node.Config{
			Self: p, Topology: s.topology, Service: s.service, Placement: oracle.New(1, 2, s.service),
			Ridge: ridge.DefaultTuning(), Partition: partition.DefaultTuning(),
		},
		Cluster: "test", Addrs: s.addrs,
	}
}

// start starts a machine's processes, on listeners or where they listened before.
func (s *sharing) start(m int, listeners ...net.Listener) {
	s.t.Helper()
	shared, err := s.open(m)
	if err != nil {
		s.t.Fatal(err)
	}
	s.shared[m] = shared
	for i, p := range s.members(m) {
		cfg := s.config(p)
		cfg.Shared = shared
		if listeners != nil {
			cfg.Listener = listeners[i]
		}
		n, err := StartNode(s.t.Context(), cfg)
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { n.Close() })
		s.nodes[p] = n
	}
	s.t.Cleanup(func() { shared.Close() })
}

// stop ends a machine's processes.
func (s *sharing) stop(m int) {
	s.t.Helper()
	for _, p := range s.members(m) {
		s.nodes[p].Close()
		if err := s.nodes[p].Err(); err != nil {
			s.t.Error(err)
		}
	}
	if err := s.shared[m].Close(); err != nil {
		s.t.Error(err)
	}
}

// counts counts in both partitions at once, and in each.
func (s *sharing) counts(want uint64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for _, names := range []string{"a b c d", "b", "c"} {
		got, err := s.count(ctx, names)
		if names != "a b c d" {
			got /= 2
		}
		if err != nil || got != want {
			s.t.Fatalf("%s: %d, %v; want %d", names, got, err, want)
		}
	}
}

// TestSharedStartsAgain: one machine after another is closed and started again,
// then all of them.
func TestSharedStartsAgain(t *testing.T) {
	s := newSharing(t, [3]vfs.FS{})
	s.counts(1)
	incarnation := s.nodes[5].inc
	n := uint64(1)
	for m := range s.shared {
		s.stop(m)
		n++
		s.counts(n)
		s.start(m)
		n++
		s.counts(n)
	}
	for m := range s.shared {
		s.stop(m)
	}
	for m := range s.shared {
		s.start(m)
	}
	s.counts(n + 1)
	if now := s.nodes[5].inc; now != incarnation {
		t.Errorf("incarnation %d became %d", incarnation, now)
	}
}

// TestSharedPowerCut: all machines lose power, again and again, each with what is
// not synced lost or not as it happens; what was answered is there.
func TestSharedPowerCut(t *testing.T) {
	disks := [3]*vfs.Mem{vfs.NewMem(), vfs.NewMem(), vfs.NewMem()}
	s := newSharing(t, [3]vfs.FS{disks[0], disks[1], disks[2]})
	s.counts(1)
	for life := range uint64(2) {
		s.load(10, "x", "y", "z", "b2 c2")
		for m, d := range disks {
			d.Crash(func(n int) int { return (m + int(life)) % n })
		}
		for m := range s.shared {
			for _, p := range s.members(m) {
				s.nodes[p].Close()
			}
			s.shared[m].Close()
		}
		for m := range s.shared {
			s.start(m)
		}
		s.counts(2 + life)
	}
}

// TestSharedJournalFails: a sync that fails ends all processes that write to the
// journal; the other machines go on, and both come back.
func TestSharedJournalFails(t *testing.T) {
	failing := vfs.NewMem()
	s := newSharing(t, [3]vfs.FS{failing})
	s.counts(1)
	failing.Fail(vfs.OpSync, 3)
	n := uint64(1)
	for end := time.Now().Add(time.Minute); (s.nodes[1].alive() || s.nodes[4].alive()) && time.Now().Before(end); {
		n++
		s.counts(n)
	}
	for _, p := range s.members(0) {
		<-s.nodes[p].Done()
		if err := s.nodes[p].Err(); err == nil || !strings.Contains(err.Error(), "journal") {
			t.Errorf("process %d ended with: %v", p, err)
		}
	}
	s.counts(n + 1)
	s.shared[0].Close()
	failing.Crash(func(int) int { return 0 })
	s.start(0)
	s.counts(n + 2)
}

// TestSharedJournalFailed: a process that starts when its journal has failed is
// told, as those were that ran then; it would wait for ever for its records.
func TestSharedJournalFailed(t *testing.T) {
	failing := vfs.NewMem()
	s := &sharing{dir: t.TempDir(), disks: [3]vfs.FS{failing}, addrs: map[ids.Process]string{}}
	s.system = system{t: t, service: counters(), topology: ridge.NewTopology([][]ids.Process{{1, 2, 3}, {4, 5, 6}})}
	for p := range ids.Process(6) {
		s.addrs[p+1] = "127.0.0.1:1" // nobody
	}
	shared, err := s.open(0)
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	l := shared.ledger
	failing.Fail(vfs.OpSync, 1)
	l.mu.Lock()
	l.journal.Append(1<<partBits, 1, []byte("a vote"))
	l.hasten()
	l.mu.Unlock()
	for failed := false; !failed; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		failed = l.failed
		l.mu.Unlock()
	}
	cfg := s.config(4)
	cfg.Shared = shared
	cfg.Listener, _ = net.Listen("tcp", "127.0.0.1:0")
	n, err := StartNode(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	select {
	case <-n.Done():
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
	if err := n.Err(); err == nil || !strings.Contains(err.Error(), "journal") {
		t.Errorf("ended with: %v", err)
	}
}

// TestSharedSyncs: one sync serves both partitions.
func TestSharedSyncs(t *testing.T) {
	var syncs atomic.Int64
	disks := [3]vfs.FS{}
	for m := range disks {
		d := vfs.NewMem()
		d.Hook(func(op vfs.Op) vfs.Outcome {
			if op.Kind == vfs.OpSync && strings.HasPrefix(op.Name, journalDir+"/0") {
				syncs.Add(1)
				time.Sleep(2 * time.Millisecond)
			}
			return vfs.Outcome{}
		})
		disks[m] = d
	}
	s := newSharing(t, disks)
	s.counts(1)
	before := syncs.Load()
	s.load(50, "a", "b", "c", "d", "e", "f") // 8 callers
	per := float64(syncs.Load()-before) / 400
	t.Logf("%.2f syncs of all three journals a command", per)
	if per > 1.2 {
		t.Error("syncs are not shared")
	}
}

// TestSharedRefuses: a directory that is not that of these processes, or has
// lost a part, is refused with an explanation.
func TestSharedRefuses(t *testing.T) {
	s := newSharing(t, [3]vfs.FS{})
	s.counts(1)
	if _, err := s.open(0); !errors.Is(err, ErrDirectory) || !strings.Contains(err.Error(), "another process runs") {
		t.Errorf("opened twice: %v", err)
	}
	cfg := s.config(4)
	cfg.Shared = s.shared[0]
	cfg.Listener, _ = net.Listen("tcp", "127.0.0.1:0")
	if _, err := StartNode(t.Context(), cfg); !errors.Is(err, ErrDirectory) {
		t.Errorf("a process twice: %v", err)
	}
	for m := range s.shared {
		s.stop(m)
	}
	start := func(m int, p ids.Process) error {
		shared, err := s.open(m)
		if err != nil {
			return err
		}
		defer shared.Close()
		cfg := s.config(p)
		cfg.Shared = shared
		n, err := StartNode(t.Context(), cfg)
		if err == nil {
			n.Close()
		}
		return err
	}
	refused := func(what, says string, err error) {
		t.Helper()
		if !errors.Is(err, ErrDirectory) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := OpenShared(s.machine(0), "test", s.topology, []ids.Process{1}, nil)
	refused("one left out", "process 4 has run from it too", err)
	_, err = OpenShared(s.machine(0), "other", s.topology, s.members(0), nil)
	refused("another cluster", `cluster "test"`, err)
	cfg = s.config(1)
	cfg.Dir = s.machine(0)
	_, err = StartNode(t.Context(), cfg)
	refused("as one's own", "shared", err)
	cfg.Dir = filepath.Join(s.machine(0), "1")
	_, err = StartNode(t.Context(), cfg)
	refused("a part as one's own", "journal is gone", err)
	if _, err = OpenShared(s.machine(0), "test", s.topology, []ids.Process{1, 2}, nil); err == nil || !strings.Contains(err.Error(), "partition 0") {
		t.Errorf("replicas of one partition: %v", err)
	}

	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	part := filepath.Join(s.machine(0), "1")
	must(os.Rename(part, part+".away"))
	refused("a part wiped", "no identity", start(0, 1))
	must(errors.Join(os.RemoveAll(part), os.Rename(filepath.Join(s.machine(1), "2"), part)))
	refused("another's part", "journal of another", start(0, 1))
	must(errors.Join(os.Rename(part, filepath.Join(s.machine(1), "2")), os.Rename(part+".away", part)))
	must(os.RemoveAll(filepath.Join(s.machine(2), journalDir)))
	refused("no journal", "journal is gone", start(2, 3))
	must(errors.Join(os.Remove(filepath.Join(s.machine(1), identityFile)), os.Remove(filepath.Join(s.machine(1), identityCopy))))
	refused("no identity", "no identity", start(1, 2))
	if err := start(0, 1); err != nil {
		t.Errorf("all as it was: %v", err)
	}
}
