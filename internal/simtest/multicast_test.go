package simtest

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// bare is a process with Ridge and nothing above it: it answers a command as
// soon as it is delivered. What is checked is the order.
type bare struct {
	s     *server
	now   hlc.Now
	ridge *ridge.Core
	seen  map[ids.Command]ids.Attempt
	at    ids.Position
	sends []node.Send
	// raised counts deliveries whose final timestamp is above their first.
	raised int
}

func newBare(s *server) process {
	c := s.c
	return &bare{s: s, seen: map[ids.Command]ids.Attempt{}, ridge: ridge.New(ridge.Config{
		Self: s.process, Life: uint64(s.incarnation()), Topology: c.topo, Tuning: c.shape.Ridge,
		Random: c.random(uint64(s.process) << 8),
	})}
}

func (b *bare) Step(now hlc.Now, from ids.Addr, _ ids.Incarnation, m wire.Message) {
	b.now = now
	if _, ok := m.(*session.Hello); ok {
		b.sends = append(b.sends, node.Send{To: from, Msg: &session.Welcome{Life: 1, Time: b.ridge.Time(b.now)}})
		return
	}
	b.ridge.Step(now, from, m)
}

func (b *bare) Tick(now hlc.Now)    { b.now = now; b.ridge.Tick(now) }
func (b *bare) Wake() time.Duration { return b.ridge.Wake() }
func (b *bare) Ready() bool         { return true }
func (b *bare) Close()              {}

func (b *bare) Err() error {
	if len(b.ridge.Lost()) > 0 {
		return ridge.ErrLost
	}
	return b.ridge.Err()
}

func (b *bare) Digest() (ids.Position, uint64, bool) { return b.at, 0, true }

func (b *bare) Status() node.Status {
	return node.Status{Ridge: b.ridge.Status(), Replica: partition.Status{Position: b.at}}
}

func (b *bare) Sends() []node.Send {
	out := b.sends
	b.sends = nil
	for {
		for o, ok := b.ridge.NextOptimistic(); ok; o, ok = b.ridge.NextOptimistic() {
			b.s.c.history.optimistic(b.s.log, o)
		}
		var ds [1]ridge.Delivery
		if b.ridge.Next(ds[:]) == 0 {
			break
		}
		d := ds[0]
		m := d.Message
		if d.Position.T > m.T0 {
			b.raised++
		}
		e := partition.Event{Kind: partition.EventJudged, Position: d.Position, Command: m.Command, Attempt: m.Attempt,
			Dests: m.Dests, Verdict: partition.VerdictDuplicate}
		b.at = d.Position
		if b.seen[m.Command] < m.Attempt {
			b.seen[m.Command] = m.Attempt
			e.Verdict = partition.VerdictAccepted
		}
		b.s.c.history.observe(b.s.log, e)
		b.s.c.checks.judged(b.s, d.Position.T)
		if e.Verdict == partition.VerdictAccepted {
			e.Kind, e.Outcome = partition.EventFinished, partition.OutcomeOK
			b.s.c.history.observe(b.s.log, e)
		}
		out = append(out, node.Send{To: ids.ToClient(m.Command.Client), Msg: &partition.Reply{
			Command: m.Command, Attempt: m.Attempt, Outcome: partition.OutcomeOK, Time: d.Position.T,
			Stages: partition.Stages{Proposed: d.Proposed}}})
	}
	for _, s := range b.ridge.Sends() {
		out = append(out, node.Send(s))
	}
	return out
}

func TestMulticastAlone(t *testing.T) {
	hunt(t, 20, Options{Alter: func(s *Shape) { s.Bare, s.Restarts = newBare, false }})
}

// With distinct timestamps that are never raised, and without reordering, skew
// or loss, both orders are the same.
func TestNoOrderMistakes(t *testing.T) {
	same, compared := 0, uint64(0)
	var all []*bare
	calm := Options{Commands: 600, Alter: func(s *Shape) {
		s.Weights = [sim.Faults]int{}
		s.Network.Loss, s.Network.Dup, s.Network.Tail, s.Network.Spread, s.Network.FIFO = 0, 0, 0, 1, true
		s.Skew, s.ClientSkew, s.Grain, s.Rogues, s.Restarts = 0, 0, 0, false, false
		s.Ridge = ridge.DefaultTuning()
		s.Ridge.Optimistic, s.Client.Cast = true, true
		// Longer than any delay here: nothing is overtaken that counts.
		s.Ridge.OptimisticWait, s.Ridge.ProposeWait = 20*ms, 20*ms
		s.Bare = func(s *server) process {
			b := newBare(s).(*bare)
			all = append(all, b)
			return b
		}
	}}
	for seed := range uint64(10) {
		all = nil
		if _, err := Run(seed+*seedFlag, calm); err != nil {
			t.Fatal(err)
		}
		for _, b := range all {
			c := b.ridge.Status().Counters
			if int(c.Mistakes) > 2*b.raised {
				t.Errorf("seed %d, process %d: %d order mistakes, %d timestamps raised, of %d", seed, b.s.process, c.Mistakes, b.raised, c.Compared)
			}
			if b.raised == 0 {
				same++
				compared += c.Compared
			}
		}
	}
	if same == 0 || compared < 1000 {
		t.Errorf("vacuous: %d processes without raised timestamps delivered %d", same, compared)
	}
}
