package host

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/ridge"
)

func (s *sharing) forget(m int, p ids.Process) error {
	return ForgetShared(s.machine(m), "test", s.topology, p)
}

// replace has both ensembles name the process that runs as p, and waits until
// it has its state and its votes.
func (s *sharing) replace(p ids.Process, home ids.Ensemble) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for _, e := range []ids.Ensemble{home, ids.All} {
		for named := false; !named; {
			for q, n := range s.nodes {
				if !n.alive() || q == p {
					continue
				}
				a, err := s.client.Replace(ctx, q, session.Replace{Ensemble: e, Process: p, Incarnation: s.nodes[p].inc})
				if err == nil && a.Done {
					named = true
				}
			}
			if ctx.Err() != nil {
				s.t.Fatalf("ensemble %d does not name process %d", e, p)
			}
		}
	}
	for {
		st, err := s.nodes[p].Status(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		if st.State == node.Ready && st.Durable.Older > 0 && voting(&st.Status, p) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func voting(s *node.Status, p ids.Process) bool {
	votes := 0
	for _, e := range s.Ridge.Ensembles {
		for _, m := range e.Members {
			if m.Process == p && m.Voting {
				votes++
			}
		}
	}
	return votes == 2
}

// TestSharedMemberReplaced: one of two processes that share a directory has lost
// its part. That is forgotten, both start again, the other one as it was, and it is
// replaced; then it is needed for every quorum.
func TestSharedMemberReplaced(t *testing.T) {
	s := newSharing(t, [3]vfs.FS{})
	s.counts(1)
	kept, lost := s.nodes[1].inc, s.nodes[4].inc
	s.stop(0)
	part := filepath.Join(s.machine(0), "4")
	if err := os.Rename(part, part+".away"); err != nil {
		t.Fatal(err)
	}
	if err := s.forget(0, 4); err != nil {
		t.Fatal(err)
	}
	s.start(0)
	if s.nodes[1].inc != kept || s.nodes[4].inc == lost {
		t.Errorf("incarnations %d and %d became %d and %d", kept, lost, s.nodes[1].inc, s.nodes[4].inc)
	}
	s.counts(2) // process 1 takes part
	if st, err := s.nodes[4].Status(t.Context()); err != nil || !strings.HasPrefix(st.State, node.Waiting) {
		t.Errorf("process 4 is %q, %v", st.State, err)
	}
	s.replace(4, 1)
	s.stop(1)
	s.counts(3)
	s.stop(0)
	s.start(1)
	s.start(0) // as the heir that it is
	s.counts(4)

	s.stop(0)
	if err := errors.Join(os.RemoveAll(part), os.Rename(part+".away", part)); err != nil {
		t.Fatal(err)
	}
	shared, err := s.open(0)
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	if _, _, err := shared.disk(drawIdentity("test", 4, layoutOf(s.topology)), quiet); !errors.Is(err, ErrDirectory) || !strings.Contains(err.Error(), "given up") {
		t.Errorf("what was given up is put back: %v", err)
	}
}

// TestForgetIsRefused: what cannot be forgotten is told.
func TestForgetIsRefused(t *testing.T) {
	s := newSharing(t, [3]vfs.FS{})
	s.counts(1)
	refused := func(what, says string, err error) {
		t.Helper()
		if !errors.Is(err, ErrDirectory) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("of a running one", "another process runs", s.forget(0, 4))
	s.stop(0)
	refused("of another machine's", "nothing of process 5", s.forget(0, 5))
	refused("of another cluster", `cluster "test"`, ForgetShared(s.machine(0), "other", s.topology, 4))
	refused("no directory of a process", "no identity", ForgetShared(t.TempDir(), "test", s.topology, 4))
	if _, err := os.Stat(filepath.Join(s.machine(0), "4", identityFile)); err != nil {
		t.Errorf("a refusal has removed something: %v", err)
	}
	if err := s.forget(0, 4); err != nil {
		t.Fatal(err)
	}
	refused("twice", "nothing of process 4", s.forget(0, 4))
	shared, err := OpenShared(s.machine(0), "test", s.topology, []ids.Process{1}, nil) // without it
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.Close(); err != nil {
		t.Error(err)
	}
}

// TestForgetPowerCut: wherever the power is cut while a process's part is
// forgotten, its memory is there whole, or another one's that has nothing, or
// it is refused until that is done again; what the other one has stays.
func TestForgetPowerCut(t *testing.T) {
	topology := ridge.NewTopology([][]ids.Process{{1, 2, 3}, {4, 5, 6}})
	want := func(p ids.Process) identity { return drawIdentity("test", p, layoutOf(topology)) }
	disk, dir := vfs.NewMem(), t.TempDir()
	open := func(m *vfs.Mem) (*Shared, map[ids.Process]int, identity, error) {
		s, err := openShared(dir, m, want(0), []ids.Process{1, 4}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		records := map[ids.Process]int{1: len(s.found[1].records), 4: len(s.found[4].records)}
		d, _, err := s.disk(want(4), quiet)
		if err != nil {
			return s, records, identity{}, err
		}
		return s, records, d.id, d.close(nil)
	}
	s, _, first, err := open(disk)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(20) {
		for _, p := range []uint32{1, 4} {
			s.ledger.journal.Append(p<<partBits, i, []byte("a promise or a vote"))
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	ended := map[string]int{}
	for k := 0; ended["done"] == 0; k++ {
		m := disk.Clone()
		m.StopAfter(k)
		if err := forgetShared(dir, m, want(0), 4); err == nil {
			ended["done"]++
		}
		m.Crash(rng.IntN)
		s, records, id, err := open(m)
		switch {
		case records[1] != 20:
			t.Fatalf("cut after %d operations: %d records of process 1", k, records[1])
		case errors.Is(err, ErrDirectory):
			ended["refused"]++
		case err != nil:
			t.Fatalf("cut after %d operations: %v", k, err)
		case id.incarnation == first.incarnation && records[4] == 20:
			ended["as it was"]++
		case id.incarnation != first.incarnation && records[4] == 0:
			ended["forgotten"]++
		default:
			t.Fatalf("cut after %d operations: incarnation %d (was %d) with %d records", k, id.incarnation, first.incarnation, records[4])
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := forgetShared(dir, m, want(0), 4); err != nil {
			t.Fatalf("cut after %d operations: once more: %v", k, err)
		}
	}
	t.Log(ended)
	if ended["refused"] == 0 || ended["as it was"] == 0 || ended["forgotten"] == 0 {
		t.Error("not all ends were seen")
	}
}
