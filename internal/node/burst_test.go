package node

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// A process with much to execute does so in bursts, and wants to be called
// again at once in between: its heartbeats must not wait for the end.
func TestExecutionInBursts(t *testing.T) {
	service := &partition.Service{Name: "noop", Commands: []partition.CommandSpec{{
		Name:   "noop",
		Access: func([]byte) (partition.Access, error) { return partition.Access{Exact: true}, nil },
		Run:    func(partition.Tx, []byte) ([]byte, error) { return nil, nil },
	}}}
	n, err := New(Config{
		Self: 1, Incarnation: 1, Topology: ridge.NewTopology([][]ids.Process{{1}}), Service: service,
		Placement: oracle.New(1, 1, service), Ridge: ridge.DefaultTuning(), Partition: partition.DefaultTuning(),
		Random: func() uint64 { return 1 },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	now := hlc.Now{Wall: 1 << 50}
	for !n.Ready() || !n.Status().Ridge.Ensembles[0].Leading {
		now.Mono, now.Wall = now.Mono+10*time.Millisecond, now.Wall+10_000
		n.Tick(now)
		n.Sends()
	}
	const commands = 3*burst + 1
	for i := range ids.Sequence(commands) {
		m := &ridge.Message{
			Command: ids.Command{Client: ids.Client{1}, Sequence: i + 1}, Attempt: 1, T0: now.Wall, Mark: i + 1,
			Dests: ids.Set{0}, Body: partition.Request{MapVersion: 1}.Append(nil),
		}
		n.Step(now, ids.ToClient(m.Command.Client), 0, &ridge.Propose{Message: m})
	}
	for before, calls := uint64(0), 0; ; calls++ {
		n.Sends()
		done := n.Status().Replica.Counters.Finished
		if done-before > burst {
			t.Fatalf("%d commands at a time", done-before)
		}
		if done == commands {
			if calls < 3 {
				t.Fatalf("all in %d bursts", calls+1)
			}
			return
		}
		if before = done; n.Wake() > now.Mono || calls > 20 {
			t.Fatalf("%d executed, and asks to be called at %v", done, n.Wake()-now.Mono)
		}
		n.Tick(now)
	}
}
