package node

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// crowd is a cluster whose tables may remember little, the first process of which is
// sent commands.
type crowd struct {
	t       *testing.T
	nodes   []*Node
	skews   []time.Duration // of their clocks
	mono    time.Duration
	refused int
	names   uint16
}

const crowdMost = 40 // clients and commands

func newCrowd(t *testing.T, replicas [][]ids.Process, skews ...time.Duration) *crowd {
	w := &crowd{t: t, skews: skews}
	service, tuning := labService(), partition.DefaultTuning()
	tuning.MaxRemembered = crowdMost
	for i := range skews {
		n, err := New(Config{
			Self: ids.Process(i + 1), Incarnation: ids.Incarnation(i + 1), Topology: ridge.NewTopology(replicas),
			Service: service, Placement: oracle.New(1, len(replicas), service), Ridge: ridge.DefaultTuning(), Partition: tuning,
			Random: func() uint64 { return uint64(i + 1) },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Close)
		w.nodes = append(w.nodes, n)
	}
	w.run(time.Second)
	return w
}

func (w *crowd) clock(i int) hlc.Now {
	return hlc.Now{Mono: w.mono, Wall: epoch.Add(w.mono + w.skews[i])}
}

func (w *crowd) run(d time.Duration) {
	for end := w.mono + d; w.mono < end; {
		w.mono += 10 * time.Millisecond
		for i, n := range w.nodes {
			n.Tick(w.clock(i))
		}
		for range 6 {
			w.exchange()
		}
	}
}

func (w *crowd) exchange() {
	type mail struct {
		from, to ids.Process
		m        wire.Message
	}
	var box []mail
	put := func(from ids.Process, ss []Send) {
		for _, s := range ss {
			a, advice := s.Msg.(*ridge.Advice)
			switch {
			case s.To.Process != 0:
				box = append(box, mail{from, s.To.Process, s.Msg})
			case advice && a.Reason == ridge.Overloaded:
				w.refused++
			}
		}
	}
	for i, n := range w.nodes {
		put(ids.Process(i+1), n.Ordered())
		put(ids.Process(i+1), n.Sends())
	}
	for _, p := range box {
		w.nodes[p.to-1].Step(w.clock(int(p.to-1)), ids.To(p.from), ids.Incarnation(p.from), p.m)
	}
}

// send proposes commands of new clients, all at once, and says how many were refused.
func (w *crowd) send(n int, dests ...ids.Partition) int {
	for range n {
		w.names++
		w.propose(ids.Command{Client: ids.Client{byte(w.names), byte(w.names >> 8), 1}, Sequence: 1}, 1, dests...)
	}
	return w.after(10 * time.Millisecond)
}

func (w *crowd) propose(c ids.Command, mark ids.Sequence, dests ...ids.Partition) {
	first := w.nodes[0]
	w.nodes[0].Step(w.clock(0), ids.ToClient(c.Client), 0, &ridge.Propose{
		Ensemble: first.cfg.Topology.EnsembleFor(ids.NewSet(dests...)),
		Message: &ridge.Message{
			Command: c, Attempt: 1, T0: first.ridge.Time(w.clock(0)), Mark: mark, Dests: ids.NewSet(dests...),
			Body: partition.Request{MapVersion: 1}.Append(nil),
		},
	})
}

func (w *crowd) after(d time.Duration) (refused int) {
	before := w.refused
	w.run(d)
	return w.refused - before
}

func (w *crowd) remembered(i int) int { return w.nodes[i].Status().Replica.Remembered }

// A coordinator whose table is full of clients refuses those that come; what it knows
// it takes. It takes new ones when the first ones may be forgotten, by Ridge's time:
// its own clock may be wrong.
func TestCrowdedCoordinatorRefuses(t *testing.T) {
	for _, skew := range []time.Duration{0, -time.Hour, time.Hour} {
		w := newCrowd(t, [][]ids.Process{{1, 2, 3}}, skew, 0, 0)
		w.send(1, 0) // its own acceptor refuses the first, if its clock is slow
		for w.remembered(0) < crowdMost {
			w.send(1, 0)
		}
		if w.refused > 0 || w.send(5, 0) < 5 {
			t.Errorf("clock %v off: %d refused, %d remembered", skew, w.refused, w.remembered(0))
		}
		client := ids.Client{2, 0, 1}
		w.propose(ids.Command{Client: client, Sequence: 1}, 1, 0)
		if n := w.after(10 * time.Millisecond); n > 0 {
			t.Errorf("clock %v off: a copy is refused", skew)
		}
		w.propose(ids.Command{Client: client, Sequence: 2}, 2, 0)
		if n := w.after(10 * time.Millisecond); n > 0 {
			t.Errorf("clock %v off: the oldest command of who is known is refused", skew)
		}
		w.propose(ids.Command{Client: client, Sequence: 3}, 2, 0)
		if n := w.after(10 * time.Millisecond); n == 0 {
			t.Errorf("clock %v off: what would be added is taken", skew)
		}
		tuning := &w.nodes[0].cfg.Partition
		w.run(tuning.Horizon - time.Second)
		if w.send(1, 0) == 0 {
			t.Errorf("clock %v off: taken before anything expires", skew)
		}
		w.run(time.Second + 2*tuning.Window)
		if w.send(1, 0) > 0 || w.remembered(0) > 8 {
			t.Errorf("clock %v off: refused when what it remembers has expired; %d remembered", skew, w.remembered(0))
		}
	}
}

// Under a storm of new clients that does not end, while some expire all the time, a table
// holds what it may, and little more: what is under way when it is full.
func TestCrowdedInAStorm(t *testing.T) {
	w := newCrowd(t, [][]ids.Process{{1, 2, 3}}, 0, 0, 0)
	horizon := w.nodes[0].cfg.Partition.Horizon
	for range crowdMost/2 - 1 {
		w.send(1, 0)
		w.run(2 * horizon / crowdMost)
	}
	const many, turns = 20, 5000
	most, taken := 0, 0
	for range turns {
		taken += many - w.send(many, 0)
		most = max(most, w.remembered(0))
		w.run(10 * time.Millisecond)
	}
	expired := int(turns * 20 * time.Millisecond / (2 * horizon / crowdMost))
	if most > crowdMost+2*many+2 || taken < expired {
		t.Errorf("%d remembered, %d taken, %d expired", most, taken, expired)
	}
}

// Who coordinates for several partitions looks at those that a message goes to.
func TestCrowdedElsewhere(t *testing.T) {
	w := newCrowd(t, [][]ids.Process{{1}, {2}, {3}}, 0, 0, 0)
	for range 4 * crowdMost {
		w.send(1, 1, 2)
		w.run(500 * time.Millisecond) // heartbeats of other partitions are not frequent
	}
	if n := max(w.remembered(1), w.remembered(2)); n > crowdMost+4 || w.refused < crowdMost {
		t.Errorf("%d remembered, %d refused", n, w.refused)
	}
	if w.send(5, 0) > 0 {
		t.Error("refused where there is room")
	}

	w = newCrowd(t, [][]ids.Process{{1}, {2}, {3}}, 0, 0, 0)
	for range crowdMost {
		w.send(1, 0)
	}
	if w.refused == 0 || w.send(5, 1, 2) > 0 || w.send(5, 0, 1) == 0 {
		t.Errorf("partition 0 is crowded: %d refused", w.refused)
	}
}

// Clients that stay are in the table for longer than their records said when they came:
// nothing is forgotten at that time, so nobody new is taken for it.
func TestCrowdedByClientsThatStay(t *testing.T) {
	w := newCrowd(t, [][]ids.Process{{1, 2, 3}}, 0, 0, 0)
	var clients []ids.Client
	const step = 10 * time.Millisecond
	for i := range int(5 * time.Minute / step) {
		if w.send(1, 0) == 0 {
			clients = append(clients, ids.Client{byte(w.names), byte(w.names >> 8), 1})
		}
		for j, c := range clients {
			if (i+37*j)%1000 == 0 { // each comes once in ten seconds
				seq := ids.Sequence(2 + i)
				w.propose(ids.Command{Client: c, Sequence: seq}, seq, 0)
			}
		}
	}
	if n := w.remembered(0); n > crowdMost+8 || len(clients) < crowdMost/4 {
		t.Errorf("%d remembered, %d clients taken", n, len(clients))
	}
}

// What a partition has to forget it forgets while others have much to do with the
// coordinator that it shares with them.
func TestLapsedAmidOthers(t *testing.T) {
	w := newCrowd(t, [][]ids.Process{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for w.remembered(6) < crowdMost {
		w.send(1, 0, 2)
		w.send(1, 2)
		w.run(100 * time.Millisecond)
	}
	w.run(w.nodes[0].cfg.Partition.Horizon + 2*time.Second)
	seq := ids.Sequence(0)
	busy := func() { // commands for 0 and 1 are always under way
		seq++
		w.propose(ids.Command{Client: ids.Client{9, 9, 9, 1}, Sequence: seq}, seq, 0, 1)
		w.exchange()
	}
	before := w.remembered(6)
	for range 2000 {
		busy()
		w.mono += time.Millisecond
		for i, n := range w.nodes {
			n.Tick(w.clock(i))
		}
		w.names++
		w.propose(ids.Command{Client: ids.Client{byte(w.names), byte(w.names >> 8), 3}, Sequence: 1}, 1, 0, 2)
		busy()
	}
	if w.nodes[6].Status().Replica.Counters.Delivered == 0 || w.refused == 0 || before < crowdMost {
		t.Fatal("the test tests nothing")
	}
	if p := w.nodes[6].Status().Replica.Position.T; p < w.nodes[0].ridge.Time(w.clock(0)).Add(-3*time.Second) {
		t.Errorf("partition 2 has forgotten nothing since %v", p)
	}
}
