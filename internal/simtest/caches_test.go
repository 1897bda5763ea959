package simtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/sim"
)

// oneByOne runs a seed with one client that sends one command at a time, and no
// faults, and tells each command and its answer. What commands are sent depends
// on the seed alone.
func oneByOne(t *testing.T, seed uint64, alter func(*Shape)) (told []string, c *cluster) {
	t.Helper()
	s := drawShape(newRand(seed, 0x7368617065), &Options{Commands: 400})
	s.drawDisks(newRand(seed, 0x6469736b73))
	s.Disks.Durable = false
	s.Service, s.Multi, s.Hot = "bank", 90, 3
	s.Partitions, s.Replicas = 3, 3
	s.Clients, s.Client.Window, s.Rogues, s.Checks = 1, 1, false, true
	s.Weights = [sim.Faults]int{}
	s.Network.Loss, s.Network.Dup, s.Network.Tail = 0, 0, 2
	s.Mix[cmdClock] = 0 // the time is another
	h := max(s.Ridge.Horizon, time.Minute)
	s.Ridge.Horizon, s.Partition.Horizon, s.Client.Horizon = h, h, h
	s.Ridge.MaxWaiting, s.Ridge.MaxLogCount = 8192, 1<<16
	alter(&s)
	c, err := newCluster(seed, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range c.lives {
			s.close()
		}
	})
	c.work = ownDraws{c.work, newRand(seed, 0x6f776e)}
	if err := c.drive(); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	for i := range c.history.Ops {
		op := &c.history.Ops[i]
		told = append(told, fmt.Sprintf("%s %x: %v %v %+v", bankCommands[op.Code].name, op.Arg, op.Unknown, op.Failed, op.Answer))
	}
	return told, c
}

// ownDraws draws commands from a source that nothing else draws from.
type ownDraws struct {
	workload
	own *rand.Rand
}

func (d ownDraws) next(*rand.Rand) (uint16, []byte, ids.Set) { return d.workload.next(d.own) }

// The same commands, one at a time, have the same answers with caches and
// without.
func TestCachesChangeNoAnswer(t *testing.T) {
	var recalled, changes, forgotten uint64
	for seed := *seedFlag; seed < *seedFlag+4; seed++ {
		without, _ := oneByOne(t, seed, func(s *Shape) { s.Partition.MaxCached = 0 })
		for _, room := range []int{3, 1 << 16} {
			with, c := oneByOne(t, seed, func(s *Shape) { s.Partition.MaxCached, s.Partition.MinCached = room, 1 })
			if !slices.Equal(with, without) {
				for i := range min(len(with), len(without)) {
					if with[i] != without[i] {
						t.Fatalf("seed %d, command %d: with caches %s, without %s", seed, i, with[i], without[i])
					}
				}
				t.Fatalf("seed %d: %d commands with caches, %d without", seed, len(with), len(without))
			}
			for _, s := range c.lives {
				p := s.node.Status().Replica.Counters
				recalled, changes, forgotten = recalled+p.Recalled, changes+p.ToldChange, forgotten+p.Forgotten
			}
		}
	}
	t.Logf("%d values recalled, %d told as changes, %d forgotten", recalled, changes, forgotten)
	if recalled == 0 || changes == 0 {
		t.Error("vacuous")
	}
}
