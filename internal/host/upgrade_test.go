package host

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// versions is counters, which count by as much as the version says.
func versions(newest uint32, former ...uint32) *partition.Service {
	commands := func(v uint32) []partition.CommandSpec {
		list := counters().Commands
		once := list[0].Run
		list[0].Run = func(tx partition.Tx, arg []byte) (out []byte, err error) {
			for range v {
				out, err = once(tx, arg)
			}
			return out, err
		}
		return list
	}
	s := counters()
	s.Version, s.Commands = newest, commands(newest)
	for _, v := range former {
		s.Former = append(s.Former, partition.Former{Version: v, Commands: commands(v)})
	}
	return s
}

// TestRollingUpgrade: the processes are started anew one after the other with a
// program that carries two versions, then the newer one comes into force for
// all at once; what was ordered before stays as it was, also for a process that
// executes it again. A program without the version that is in force is refused.
func TestRollingUpgrade(t *testing.T) {
	s := newLastingOf(t, versions(1), nil)
	s.counts(1)
	s.service = versions(2, 1)
	n := uint64(1)
	for p := range ids.Process(3) {
		s.nodes[p+1].Close()
		n++
		s.counts(n)
		s.start(p+1, nil)
		n++
		s.counts(n)
	}
	upgrade := func(from, to uint32) error {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		return s.client.Upgrade(ctx, partition.Upgrade{From: from, To: to})
	}
	if err := upgrade(2, 3); !errors.Is(err, partition.ErrVersion) {
		t.Errorf("an upgrade from a version that is not in force: %v", err)
	}
	if err := upgrade(1, 2); err != nil {
		t.Fatal(err)
	}
	if err := upgrade(1, 2); !errors.Is(err, partition.ErrVersion) {
		t.Errorf("an upgrade twice: %v", err)
	}
	n += 2
	s.counts(n)
	s.equal()
	for _, node := range s.nodes {
		if st, err := node.Status(t.Context()); err != nil || st.Replica.Version != 2 || st.Replica.Carried != 2 {
			t.Errorf("version %d of %d, %v", st.Replica.Version, st.Replica.Carried, err)
		}
	}
	s.nodes[3].Close()
	s.service = versions(1)
	if err := s.tryStart(3); !errors.Is(err, node.ErrService) || !strings.Contains(err.Error(), "does not carry") {
		t.Errorf("a program without the version in force: %v", err)
	}
	s.service = versions(2) // the checkpoints are of that
	for p := range ids.Process(3) {
		s.nodes[p+1].Close()
		s.start(p+1, nil)
	}
	n += 2
	s.counts(n)
	if v, err := s.count(t.Context(), "b"); err != nil || v != 2 {
		t.Errorf("%d, %v", v, err)
	}
}

// tryStart is start of what is refused.
func (s *lasting) tryStart(p ids.Process) error {
	n, err := StartNode(s.t.Context(), NodeConfig{
		Core: node.Config{
			Self: p, Topology: s.topology, Service: s.service, Placement: oracle.New(1, 1, s.service),
			Ridge: ridge.DefaultTuning(), Partition: partition.DefaultTuning(),
		},
		Cluster: "test", Addrs: s.addrs, Dir: filepath.Join(s.dir, string('0'+rune(p))),
	})
	if err == nil {
		n.Close()
	}
	return err
}
