package node

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/optimistic"
)

// Processes execute optimistically what is cast to them, and clients have both
// replies; the states and replies are those of conservative execution.
func TestOptimisticExecution(t *testing.T) {
	for _, mode := range []optimistic.Mode{optimistic.Baseline, optimistic.Full} {
		for partitions := 1; partitions <= 2; partitions++ {
			l := newLab(t, uint64(partitions), false, partitions, 3, func(c *Config) {
				c.Execution, c.Ridge.Optimistic = mode, true
			})
			l.run(2 * time.Second)
			var users []*user
			for range 3 {
				u := l.user(60, 2, 4)
				u.cast = true
				users = append(users, u)
			}
			l.finish(time.Minute)
			both, mistakes := 0, 0
			for _, u := range users {
				both += u.both
				mistakes += u.mistakes
			}
			var sum optimistic.Counters
			for _, m := range l.procs {
				c := m.node.Status().Optimistic.Counters
				sum.Confirmed += c.Confirmed
				sum.Wrong += c.Wrong
				sum.Unrun += c.Unrun
				sum.RepliesSent += c.RepliesSent
			}
			t.Logf("%v, %d partitions: %d with both replies, %d of them mistakes; %+v", mode, partitions, both, mistakes, sum)
			if both == 0 || sum.Confirmed <= sum.Wrong {
				t.Error("vacuous")
			}
		}
	}
}

func TestOptimisticExecutionNeedsDelivery(t *testing.T) {
	l := newLab(t, 1, false, 1, 1)
	c := l.procs[0].config()
	c.Execution = optimistic.Full
	if _, err := New(c); err == nil {
		t.Error("it started without Ridge's optimistic delivery")
	}
}
