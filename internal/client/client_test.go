package client

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

const horizon = 10 * time.Second

var start = hlc.Timestamp(1_000_000_000)

// service has one command, whose argument is the key that it reads.
var service = &partition.Service{
	Name:        "test",
	Collections: []partition.Collection{{Name: "c"}},
	Commands: []partition.CommandSpec{{
		Name: "read",
		Access: func(arg []byte) (partition.Access, error) {
			if len(arg) == 0 {
				return partition.Access{}, errors.New("no key")
			}
			return partition.Access{Items: []partition.Item{{Key: partition.Key{Name: string(arg)}}}}, nil
		},
		Run: func(partition.Tx, []byte) ([]byte, error) { return nil, nil },
	}},
}

// world drives a client by hand.
type world struct {
	*Core
	t   *testing.T
	now hlc.Now
}

func newWorld(t *testing.T, partitions int) *world {
	var replicas [][]ids.Process
	for p := range partitions {
		first := ids.Process(3*p + 1)
		replicas = append(replicas, []ids.Process{first, first + 1, first + 2})
	}
	tuning := DefaultTuning()
	tuning.Horizon = horizon
	n := uint64(0)
	return &world{t: t, now: hlc.Now{Wall: start}, Core: New(Config{
		ID: ids.Client{1}, Topology: ridge.NewTopology(replicas), Map: oracle.New(1, partitions, service),
		Service: service, Tuning: tuning, Random: func() uint64 { n++; return n },
	})}
}

func (w *world) after(d time.Duration) {
	w.now.Mono += d
	w.now.Wall = w.now.Wall.Add(d)
	w.Tick(w.now)
}

func (w *world) welcome(life uint64) {
	w.Step(w.now, 1, &session.Welcome{Life: life, Time: start.Add(w.now.Mono)})
}

func (w *world) submit(key string) ids.Sequence {
	w.t.Helper()
	seq, err := w.Submit(w.now, 0, []byte(key), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return seq
}

// proposals drains the proposals sent.
func (w *world) proposals() (out []*ridge.Propose, to []ids.Process) {
	for _, s := range w.Sends() {
		if p, ok := s.Msg.(*ridge.Propose); ok {
			out, to = append(out, p), append(to, s.To.Process)
		}
	}
	return out, to
}

func (w *world) reply(p *ridge.Propose, o partition.Outcome, needed ...ids.Partition) {
	w.Step(w.now, 1, &partition.Reply{
		Command: p.Message.Command, Attempt: p.Message.Attempt, Outcome: o, Needed: ids.NewSet(needed...),
		MapVersion: 1, Stages: partition.Stages{Finished: 1},
	})
}

func TestCommandsWaitForTheServicesTime(t *testing.T) {
	w := newWorld(t, 2)
	w.submit("a")
	if p, _ := w.proposals(); len(p) != 0 {
		t.Fatal("sent before the service's time was known [X5]")
	}
	w.after(0)
	if len(w.Sends()) == 0 {
		t.Fatal("does not greet")
	}
	w.now.Wall = start.Add(-time.Hour) // our own clock is an hour slow
	w.welcome(7)
	p, _ := w.proposals()
	if len(p) != 1 || p[0].Message.T0 != start {
		t.Fatalf("proposals %v, want one stamped with the service's time", p)
	}
	w.now.Wall = start.Add(time.Hour) // and now an hour fast
	w.submit("b")
	p, _ = w.proposals()
	if got := p[0].Message.T0.Sub(start); got > ridge.DefaultTuning().Window {
		t.Fatalf("T0 is %v ahead of the service's time", got)
	}
}

func TestResendsAreIdenticalAndGoAround(t *testing.T) {
	w := newWorld(t, 2)
	w.welcome(7)
	w.submit("a")
	first, to := w.proposals()
	seen := map[ids.Process]bool{to[0]: true}
	for range 40 {
		w.after(100 * time.Millisecond)
		again, to := w.proposals()
		for i, p := range again {
			seen[to[i]] = true
			if !bytes.Equal(p.Append(nil), first[0].Append(nil)) {
				t.Fatal("a resend differs from the first copy")
			}
		}
	}
	if len(seen) != 3 {
		t.Fatalf("tried the acceptors %v, want all three", seen)
	}
}

func TestRetryGoesToTheUnionAndThenToAll(t *testing.T) {
	w := newWorld(t, 8)
	w.welcome(7)
	w.submit("a")
	p, _ := w.proposals()
	dests := p[0].Message.Dests
	for i, needed := range []ids.Partition{1, 2, 3} {
		w.reply(p[0], partition.OutcomeRetry, needed)
		next, _ := w.proposals()
		if len(next) != 1 || !next[0].Message.Dests.Covers(dests) || !next[0].Message.Dests.Has(needed) {
			t.Fatalf("retry %d: %+v", i, next)
		}
		if next[0].Message.Attempt != p[0].Message.Attempt+1 || next[0].Message.T0 != p[0].Message.T0 {
			t.Fatal("a retry is a new attempt with the same T0")
		}
		w.reply(p[0], partition.OutcomeRetry, 7) // the old attempt's answer again
		if extra, _ := w.proposals(); len(extra) != 0 {
			t.Fatal("answered an old attempt")
		}
		p, dests = next, next[0].Message.Dests
	}
	if len(dests) != 8 {
		t.Fatalf("after two retries go to all, not %v", dests)
	}
	w.reply(p[0], partition.OutcomeOK)
	if r := w.Results(); len(r) != 1 || r[0].Err != nil {
		t.Fatalf("results %v", r)
	}
}

// A mark that passes a sequence without a reply carries a guard [X1].
func TestMarkAndGuard(t *testing.T) {
	w := newWorld(t, 1)
	w.welcome(7)
	w.submit("a")
	p, _ := w.proposals()
	lost := p[0].Message
	w.submit("b")
	p, _ = w.proposals()
	w.reply(p[0], partition.OutcomeOK)
	w.submit("c")
	p, _ = w.proposals()
	if m := p[0].Message; m.Mark != 1 || m.Guard != 0 {
		t.Fatalf("mark %d passes the unanswered sequence 1", m.Mark)
	}
	w.reply(p[0], partition.OutcomeOK)
	w.after(horizon)
	r := w.Results()
	if len(r) != 3 || !errors.Is(r[2].Err, ErrOutcomeUnknown) {
		t.Fatalf("results %+v", r)
	}
	w.proposals()
	w.submit("d")
	p, _ = w.proposals()
	if m := p[0].Message; m.Mark != 4 || m.Guard != lost.T0.Add(horizon) {
		t.Fatalf("mark %d guard %d, want 4 and %d", m.Mark, m.Guard, lost.T0.Add(horizon))
	}
}

func TestWindowAndSpan(t *testing.T) {
	w := newWorld(t, 1)
	w.cfg.Tuning.Window, w.cfg.Tuning.Span = 2, 4
	w.welcome(7)
	w.submit("lost")
	for range 3 {
		w.proposals()
		w.submit("b")
		p, _ := w.proposals()
		w.reply(p[0], partition.OutcomeOK)
	}
	if _, err := w.Submit(w.now, 0, []byte("x"), nil); !errors.Is(err, ErrWindowFull) {
		t.Fatalf("%v: a sequence too far above the low mark would be refused", err)
	}
}

func TestBadInput(t *testing.T) {
	w := newWorld(t, 1)
	if _, err := w.Submit(w.now, 0, nil, nil); !errors.Is(err, partition.ErrArgument) {
		t.Error(err)
	}
	if _, err := w.Submit(w.now, 9, []byte("a"), nil); !errors.Is(err, partition.ErrArgument) {
		t.Error(err)
	}
	if _, err := w.Submit(w.now, 0, make([]byte, w.cfg.Tuning.MaxBody), nil); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	w.Step(w.now, 1, &partition.Reply{Command: ids.Command{Client: ids.Client{1}, Sequence: 99}})
	w.Step(w.now, 1, &ridge.Advice{Ensemble: 77, Coordinator: 9})
	w.Step(w.now, 1, &session.Status{})
}

func TestAnotherLifeEndsTheClient(t *testing.T) {
	w := newWorld(t, 1)
	w.welcome(7)
	w.submit("a")
	w.welcome(8)
	r := w.Results()
	if len(r) != 1 || !errors.Is(r[0].Err, ErrOutcomeUnknown) || !errors.Is(w.Err(), ErrOtherLife) {
		t.Fatalf("results %v, err %v", r, w.Err())
	}
}

// After a fail-over only the first command pays for the dead coordinator.
func TestLearnsFromTheCopyThatWasAnswered(t *testing.T) {
	w := newWorld(t, 1)
	w.welcome(7)
	w.submit("a")
	_, to := w.proposals()
	dead := to[0]
	w.after(time.Second)
	p, to := w.proposals()
	if len(p) == 0 || to[0] == dead {
		t.Fatalf("no resend to another acceptor: %v", to)
	}
	w.reply(p[0], partition.OutcomeOK)
	w.submit("b")
	if _, next := w.proposals(); next[0] != to[0] {
		t.Fatalf("sent to %d, though %d was answered", next[0], to[0])
	}
}

// A client with an old map is told so, once; it does not retry for ever.
func TestAnotherMapEndsTheCommand(t *testing.T) {
	w := newWorld(t, 2)
	w.welcome(7)
	w.submit("a")
	p, _ := w.proposals()
	w.Step(w.now, 1, &partition.Reply{
		Command: p[0].Message.Command, Attempt: 1, Outcome: partition.OutcomeRetry, MapVersion: 2,
	})
	if r := w.Results(); len(r) != 1 || !errors.Is(r[0].Err, ErrOldMap) {
		t.Fatalf("results %v", r)
	}
	if again, _ := w.proposals(); len(again) != 0 {
		t.Fatal("retried by the old map")
	}
}
