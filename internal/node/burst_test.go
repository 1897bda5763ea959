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

// A process with much to execute does so in bursts, the first of them a small one, and
// wants to be called again at once in between: its heartbeats must not wait for the end.
func TestExecutionInBursts(t *testing.T) {
	n, now := leading(t)
	const commands = 3*burst*burstAgain + 1
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
		if calls == 0 && done > burst || done-before > burst*burstAgain {
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

// leading is a node that is a whole cluster.
func leading(t *testing.T, tune ...func(*partition.Tuning)) (*Node, hlc.Now) {
	noop := partition.CommandSpec{
		Name:   "noop",
		Access: func([]byte) (partition.Access, error) { return partition.Access{Exact: true}, nil },
		Run:    func(partition.Tx, []byte) ([]byte, error) { return nil, nil },
	}
	look := noop
	look.Name, look.ReadOnly = "look", true
	service := &partition.Service{Name: "noop", Commands: []partition.CommandSpec{noop, look}}
	tuning := partition.DefaultTuning()
	for _, f := range tune {
		f(&tuning)
	}
	n, err := New(Config{
		Self: 1, Incarnation: 1, Topology: ridge.NewTopology([][]ids.Process{{1}}), Service: service,
		Placement: oracle.New(1, 1, service), Ridge: ridge.DefaultTuning(), Partition: tuning,
		Random: func() uint64 { return 1 },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	now := hlc.Now{Wall: 1 << 50}
	for !n.Ready() || !n.Status().Ridge.Ensembles[0].Leading {
		now.Mono, now.Wall = now.Mono+10*time.Millisecond, now.Wall+10_000
		n.Tick(now)
		n.Sends()
	}
	return n, now
}

// So it does with reads.
func TestReadsInBursts(t *testing.T) {
	n, now := leading(t)
	const reads = 3*burst*burstAgain + 1
	for i := range uint64(reads) {
		n.Step(now, ids.ToClient(ids.Client{1}), 0, &partition.ReadRequest{Number: i + 1, MapVersion: 1, Command: 1})
	}
	for left, calls := reads, 1; left > 0; calls++ {
		replies := 0
		for _, s := range n.Sends() {
			if m, ok := s.Msg.(*partition.ReadReply); ok && m.Outcome == partition.OutcomeOK {
				replies++
			}
		}
		if left -= replies; replies > burst || left > 0 && n.Wake() > now.Mono || calls > 20 {
			t.Fatalf("%d reads at a time, %d left; asks to be called at %v", replies, left, n.Wake()-now.Mono)
		}
		n.Tick(now)
	}
}
