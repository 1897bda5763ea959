package ridge

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// load has two clients multicast for d, one message every gap.
func (w *world) load(d, gap time.Duration) {
	for end, i := w.now+d, 0; w.now < end && !w.failed; i++ {
		p := ids.Partition(i % len(w.topo.Replicas))
		w.multicast(w.clients[0], make([]byte, w.size), p)
		if i%3 == 0 {
			w.multicast(w.clients[1], make([]byte, w.size), p, ids.Partition((i+1+i/3)%len(w.topo.Replicas)))
		}
		w.run(gap)
	}
}

func (w *world) rounds() (n uint64) {
	for _, c := range w.nodes {
		n += c.core.counters.Rounds
	}
	return n
}

// Scenario 1: two would-be coordinators that do not hear each other, and of
// which each is heard by the third, do not duel: takeovers need f+1
// complaints.
func TestNoDuel(t *testing.T) {
	w := newWorld(t, 101, 1, 3, nil)
	w.load(time.Second, 10*time.Millisecond)
	before := w.rounds()
	w.sever(1, 2, true)
	w.load(20*time.Second, 50*time.Millisecond)
	if n := w.rounds() - before; n > 2 {
		t.Errorf("%d rounds while one link was cut", n)
	}
	if !w.runUntil(2*time.Second, w.allDone) {
		t.Error("one cut link stops the ensemble")
	}
	w.heal()
	w.finish(2 * time.Second)
}

// Scenario 1, forced: both sides are made to start rounds again and again.
func TestForcedDuelKeepsAgreement(t *testing.T) {
	w := newWorld(t, 102, 1, 3, nil)
	for i := range 300 {
		w.multicast(w.clients[0], []byte{1}, 0)
		n := w.node(ids.Process(1 + i%2))
		n.core.home.start(n.clock())
		n.flush()
		w.run(time.Duration(w.rng.IntN(2000)) * time.Microsecond)
	}
	w.finish(5 * time.Second)
}

// Scenario 2: the coordinator pauses in the middle of Phase 2 and resumes when
// its successor has long decided.
func TestPausedCoordinator(t *testing.T) {
	for _, pause := range []time.Duration{time.Second, 60 * time.Second} {
		// All that is proposed is proposed again until process 1 has it.
		w := newWorld(t, 103, 2, 3, func(t *Tuning) { t.MaxLogCount *= 4 })
		w.load(500*time.Millisecond, time.Millisecond)
		w.node(1).until = w.now + pause
		w.load(2*time.Second, 5*time.Millisecond)
		if w.node(2).core.home.coordinator() == 1 {
			t.Error("nobody took over")
		}
		w.run(pause)
		w.load(500*time.Millisecond, 5*time.Millisecond)
		w.finish(5 * time.Second)
	}
}

// Scenario 3: the coordinator, or the last acceptor, dies after the last
// acceptor voted and before anyone learns: what may be decided survives.
func TestDeathBeforeLearning(t *testing.T) {
	for _, dies := range []ids.Process{1, 2} {
		w := newWorld(t, 104, 1, 3, nil)
		w.load(300*time.Millisecond, 5*time.Millisecond)
		w.runUntil(time.Second, w.allDone)
		var chosen ValueID
		w.filter = func(from, to ids.Process, m wire.Message) bool {
			switch m.(type) {
			case *decision, *valueMessage, *learn:
				if e := w.node(2).core.home; chosen == (ValueID{}) {
					chosen = e.log.at(e.next - 1).chosen.ID
				}
				return false
			}
			return true
		}
		p := w.multicast(w.clients[0], []byte("kept"), 0)
		w.runUntil(time.Second, func() bool { return chosen != ValueID{} })
		p.done = true // its client dies too: nobody proposes it again
		w.node(dies).dead = true
		w.filter = nil
		w.run(5 * time.Second)
		for _, n := range w.nodes {
			if !n.dead && !n.has(p) {
				t.Errorf("process %d dies: process %d never delivers a decided message", dies, n.id)
			}
		}
		w.finish(time.Second)
	}
}

// Scenario 5: instance k stays undecided while later ones are decided; a new
// coordinator fills k with a null, and the old value reappears in vain.
func TestHoleIsFilledOnce(t *testing.T) {
	w := newWorld(t, 105, 1, 3, func(t *Tuning) { t.MaxBatchCount = 1 })
	w.load(300*time.Millisecond, 5*time.Millisecond)
	w.runUntil(time.Second, w.allDone)
	hole := w.node(1).core.home.lead.next
	var old []event
	w.filter = func(from, to ids.Process, m wire.Message) bool {
		if a, ok := m.(*accept); ok && a.Instance == hole && a.Round.Coordinator == 1 {
			old = append(old, event{run: func() { w.node(to).step(ids.To(from), m) }})
			return false
		}
		return true
	}
	for i := range 20 {
		w.multicast(w.clients[i%2], []byte{byte(i)}, 0)
	}
	w.run(20 * time.Millisecond)
	w.node(1).until = w.now + 3*time.Second
	w.run(1500 * time.Millisecond)
	if len(old) == 0 || w.node(2).core.home.next <= hole {
		t.Fatalf("held %d; next is %d, the hole %d", len(old), w.node(2).core.home.next, hole)
	}
	for _, ev := range old {
		ev.run() // the value comes after all
	}
	w.finish(10 * time.Second)
}

// Scenario 6: everything twice, reordered and late.
func TestEverythingTwice(t *testing.T) {
	w := newWorld(t, 106, 2, 3, nil)
	w.dup, w.maxDelay = 1, 80*time.Millisecond
	w.load(2*time.Second, 5*time.Millisecond)
	w.finish(10 * time.Second)
}

// Scenario 7: an acceptor of the chain dies; the chain is formed anew while
// messages of the old one are under way.
func TestChainAcceptorDies(t *testing.T) {
	w := newWorld(t, 107, 1, 5, nil)
	w.maxDelay = 20 * time.Millisecond
	w.load(time.Second, 3*time.Millisecond)
	w.node(2).dead = true
	w.load(time.Second, 3*time.Millisecond)
	w.node(4).dead = true
	w.load(time.Second, 3*time.Millisecond)
	w.finish(5 * time.Second)
	for _, p := range w.node(1).core.home.lead.chain {
		if w.node(p).dead {
			t.Errorf("the chain still holds %d", p)
		}
	}
}

// Scenarios 11 and 12: a distributor dies in its turn, or two distribute one
// decision; whoever lacks a value fetches it.
func TestDistributors(t *testing.T) {
	w := newWorld(t, 111, 2, 3, nil)
	w.size = 2 * directBytes
	w.load(500*time.Millisecond, 5*time.Millisecond)
	turns := map[ids.Process]int{}
	w.filter = func(from, to ids.Process, m wire.Message) bool {
		v, ok := m.(*valueMessage)
		if !ok || !v.Distribute {
			return true
		}
		turns[to]++
		// Another process is told to distribute, too.
		other := ids.Process(4 + (int(to)-3)%3)
		w.after(time.Millisecond, func() { w.node(other).step(ids.To(from), m) })
		return true
	}
	w.load(time.Second, 5*time.Millisecond)
	if len(turns) < 3 {
		t.Errorf("the load was not balanced: %v", turns)
	}
	w.node(5).dead = true
	w.load(time.Second, 5*time.Millisecond)
	w.finish(5 * time.Second)
}

// Scenario 52: nobody hears process X, which hears all, X being the
// coordinator, another acceptor of the chain, or the learner outside it; and
// the reverse. The ensemble goes on without X, and with it after healing.
func TestAsymmetricLinks(t *testing.T) {
	for _, x := range []ids.Process{1, 2, 3} {
		for _, mute := range []bool{true, false} {
			t.Run(fmt.Sprintf("process %d mute %v", x, mute), func(t *testing.T) {
				w := newWorld(t, 152, 1, 3, nil)
				w.load(500*time.Millisecond, 5*time.Millisecond)
				for _, n := range w.nodes {
					if mute {
						w.cut[[2]ids.Process{x, n.id}] = true
					} else {
						w.cut[[2]ids.Process{n.id, x}] = true
					}
				}
				before := w.rounds()
				w.load(5*time.Second, 10*time.Millisecond)
				others := func() bool {
					for _, p := range w.proposals {
						for _, n := range w.nodes {
							if n.id != x && !n.has(p) {
								return false
							}
						}
					}
					return true
				}
				if !w.runUntil(3*time.Second, others) {
					t.Errorf("the others do not go on\n%s", w.describe())
				}
				if n := w.rounds() - before; n > 6 {
					t.Errorf("%d rounds", n)
				}
				w.heal()
				w.finish(5 * time.Second)
			})
		}
	}
}

// Scenario 53: the coordinator reaches a quorum, clients reach only the
// others: proposals are passed on, also past a cut link.
func TestClientsReachOnlyOthers(t *testing.T) {
	w := newWorld(t, 153, 1, 3, nil)
	w.run(500 * time.Millisecond)
	w.sever(1, 2, true)
	w.run(time.Second)
	m := msg(1, epoch.Add(w.now))
	p := &proposal{m: m, client: w.clients[0]}
	w.byName[idOf(m)] = p
	w.node(2).step(ids.ToClient(m.Command.Client), &Propose{Message: m})
	if w.run(300 * time.Millisecond); !w.everywhere(p) {
		t.Error("a proposal did not find its way around a cut link")
	}
}

// Scenario 54: flapping links, one pair or a ring of pairs, cause neither
// endless takeovers nor disagreement.
func TestFlappingLinks(t *testing.T) {
	for _, ring := range []bool{false, true} {
		w := newWorld(t, 154, 1, 5, nil)
		w.run(500 * time.Millisecond)
		before := w.rounds()
		end := w.now + 60*time.Second
		pairs := [][2]ids.Process{{1, 2}}
		if ring {
			pairs = [][2]ids.Process{{1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 1}}
		}
		for _, pair := range pairs {
			on := false
			var flap func()
			flap = func() {
				on = !on && w.now < end
				w.cut[pair], w.cut[[2]ids.Process{pair[1], pair[0]}] = on, on
				if w.now < end {
					w.after(500*time.Millisecond+time.Duration(w.rng.Int64N(int64(4500*time.Millisecond))), flap)
				}
			}
			flap()
		}
		w.load(60*time.Second, 100*time.Millisecond)
		if n := w.rounds() - before; n > 60 {
			t.Errorf("ring %v: %d rounds in a minute", ring, n)
		}
		late := 0
		for _, p := range w.proposals[:len(w.proposals)-50] {
			if !p.done && !w.everywhere(p) {
				late++
			}
		}
		if late > 0 {
			t.Errorf("ring %v: %d messages long undelivered", ring, late)
		}
		w.finish(5 * time.Second)
	}
}

// N7: the network of a whole partition is cut for long. Nothing that it lacks
// is trimmed; at the cap proposals for it are refused; afterwards all goes on
// without a single stop.
func TestN7CutPartitionLosesNothing(t *testing.T) {
	w := newWorld(t, 107, 2, 3, func(t *Tuning) {
		t.MaxMessage, t.MaxBatchBytes, t.MaxLogBytes = 1<<10, 4<<10, 32<<10
	})
	w.load(300*time.Millisecond, 5*time.Millisecond)
	for p := ids.Process(4); p <= 6; p++ {
		for q := ids.Process(1); q <= 3; q++ {
			w.sever(p, q, true)
		}
	}
	for range 1000 {
		w.multicast(w.clients[0], make([]byte, 100), 0, 1)
		w.run(5 * time.Millisecond)
	}
	for _, n := range w.nodes[:3] {
		all := n.core.ensembles[1]
		if all.log.bytes > 2*w.tuning.MaxLogBytes {
			t.Errorf("process %d holds %d bytes", n.id, all.log.bytes)
		}
		if least := w.node(4).core.ensembles[1].next; all.log.base >= least {
			t.Errorf("process %d trimmed up to %d what partition 1 lacks from %d", n.id, all.log.base, least)
		}
	}
	if w.advice[Overloaded] == 0 {
		t.Error("nobody was refused")
	}
	w.heal()
	w.finish(30 * time.Second)
}

// N7: a replica that is cut off is waited for while the log has room; one
// that is away for longer than the log covers is told so, and stops nobody.
func TestN7AbsentReplica(t *testing.T) {
	for _, long := range []bool{false, true} {
		w := newWorld(t, 108, 1, 3, func(t *Tuning) {
			t.MaxMessage, t.MaxBatchBytes, t.MaxLogBytes = 1<<10, 4<<10, 512<<10
		})
		w.mayLose = long
		w.load(300*time.Millisecond, 5*time.Millisecond)
		w.sever(3, 1, true)
		w.sever(3, 2, true)
		size := 10
		if long {
			size = 900
		}
		for range 200 {
			w.multicast(w.clients[0], make([]byte, size), 0)
			w.run(10 * time.Millisecond)
		}
		w.run(500 * time.Millisecond)
		if n := w.advice[Overloaded]; n > 0 {
			t.Errorf("long %v: %d proposals refused for the sake of one replica", long, n)
		}
		w.heal()
		w.run(10 * time.Second)
		if long != (w.lost == 1) {
			t.Errorf("long %v: %d replicas gave up\n%s", long, w.lost, w.describe())
		}
		w.finish(5 * time.Second)
	}
}

// N7 and scenario 57: a replica that is heard but does not deliver slows the
// rest down while it may catch up, and is given up after a while.
func TestN7SlowReplica(t *testing.T) {
	for _, stall := range []time.Duration{2 * time.Second, 30 * time.Second} {
		w := newWorld(t, 109, 1, 3, func(t *Tuning) {
			t.MaxMessage, t.MaxBatchBytes, t.MaxLogBytes = 1<<10, 4<<10, 64<<10
			t.MaxWaiting = 16
		})
		w.mayLose = stall > 10*time.Second
		w.load(300*time.Millisecond, 5*time.Millisecond)
		slow := w.node(2)
		slow.stalled = true
		for end := w.now + stall; w.now < end; {
			w.multicast(w.clients[0], make([]byte, 500), 0)
			w.run(20 * time.Millisecond)
		}
		w.heal()
		slow.tick()
		w.finish(20 * time.Second)
		if w.mayLose != (w.lost == 1) {
			t.Errorf("stalled for %v: %d replicas gave up", stall, w.lost)
		}
	}
}

// R11: what a learner cannot hold it drops and fetches later; nothing that
// waits grows beyond its bound.
func TestR11StalledLearner(t *testing.T) {
	w := newWorld(t, 109, 2, 3, func(t *Tuning) {
		t.MaxWaiting = 32
		t.MaxMessage, t.MaxBatchBytes, t.MaxLogBytes = 1<<10, 4<<10, 256<<10
	})
	w.load(300*time.Millisecond, 5*time.Millisecond)
	slow := w.node(5)
	slow.stalled = true
	for range 500 {
		w.multicast(w.clients[0], make([]byte, 200), 0, 1)
		w.multicast(w.clients[1], make([]byte, 200), 1)
		w.run(2 * time.Millisecond)
		for _, e := range slow.core.ensembles {
			if n := e.stream.count; n > 32+w.tuning.MaxBatchCount {
				t.Fatalf("%d items wait", n)
			}
		}
	}
	w.heal()
	slow.core.Tick(slow.clock())
	slow.flush()
	w.finish(20 * time.Second)
}

// R11: what a learner holds behind a gap is bounded; the rest is dropped, and
// fetched when there is room.
func TestR11DropsAndFetches(t *testing.T) {
	r := newRig(t, 4, 1, 4) // process 4 only learns
	chain := []ids.Process{1, 2}
	values := map[ids.Instance]*Value{}
	for k := ids.Instance(1); k <= 40; k++ {
		m := msg(int(k), epoch)
		m.Body = make([]byte, 4<<20)
		values[k] = val(1, uint64(k), m)
	}
	for k := ids.Instance(2); k <= 40; k++ {
		r.step(2, &valueMessage{Instance: k, Chain: chain, Value: values[k]})
		if most := r.core.cfg.Tuning.MaxLogBytes + 5<<20; r.e.log.bytes > most {
			t.Fatalf("%d bytes behind a gap, with a bound of %d", r.e.log.bytes, most)
		}
	}
	delivered := 0
	for range 500 {
		r.pass(50 * time.Millisecond)
		for _, f := range only[*fetch](r) {
			v := values[f.From]
			r.step(1, &learn{Votes: []vote{{Instance: f.From, Decided: true, Value: v}}})
		}
		delivered += len(r.deliveries())
	}
	if delivered != 40 {
		t.Errorf("%d of 40 delivered", delivered)
	}
}

// What waits for the merge or for being pulled is not acknowledged.
func TestPullingAcknowledges(t *testing.T) {
	r := newRig(t, 4, 2, 3)
	a := val(4, 1, msg(1, epoch, 1))
	r.e.learn(1, a.ID, a, 0)
	r.e.learn(2, ValueID{}, newValue(4, 2, epoch, nil, 0), 0)
	if k := r.e.report().Delivered; k != 0 {
		t.Errorf("acknowledged up to %d what waits for e_all", k)
	}
	all := r.core.ensembles[1]
	null := newValue(1, 2, epoch, nil, epoch+1)
	all.learn(1, null.ID, null, 0)
	if k := r.e.report().Delivered; k != 0 {
		t.Errorf("acknowledged up to %d what was not pulled", k)
	}
	if n := len(r.deliveries()); n != 1 || r.e.report().Delivered != 1 {
		t.Errorf("%d pulled, acknowledged up to %d", n, r.e.report().Delivered)
	}
}

// An overloaded coordinator refuses, and goes on serving.
func TestOverload(t *testing.T) {
	w := newWorld(t, 160, 1, 3, func(t *Tuning) { t.MaxWaiting, t.MaxBatchCount, t.Pipeline = 50, 5, 1 })
	w.run(300 * time.Millisecond)
	for range 2000 {
		w.multicast(w.clients[0], []byte{1}, 0)
	}
	w.run(20 * time.Millisecond)
	if w.advice[Overloaded] == 0 {
		t.Error("nobody was refused")
	}
	w.finish(60 * time.Second)
}

// A message larger than a batch travels alone; one larger than MaxMessage is
// refused, as is one for the wrong ensemble.
func TestSizes(t *testing.T) {
	w := newWorld(t, 161, 2, 3, nil)
	w.run(300 * time.Millisecond)
	w.multicast(w.clients[0], make([]byte, 1<<20), 0)
	w.multicast(w.clients[0], []byte{1}, 0)
	w.finish(time.Second)
	big := msg(1, epoch.Add(w.now))
	big.Body = make([]byte, w.tuning.MaxMessage+1)
	w.node(1).step(ids.ToClient(ids.Client{9}), &Propose{Message: big})
	w.node(1).step(ids.ToClient(ids.Client{9}), &Propose{Ensemble: ids.All, Message: msg(2, epoch.Add(w.now))})
	if w.advice[TooLarge] != 1 || w.advice[Misrouted] != 1 {
		t.Errorf("advice %v", w.advice)
	}
	w.finish(time.Second)
}

// The latency of an uncontended message: three delays from client to delivery
// at the replica beside the last acceptor.
func TestThreeDelays(t *testing.T) {
	w := newWorld(t, 162, 1, 3, nil)
	w.minDelay, w.maxDelay = time.Millisecond, time.Millisecond
	w.run(300 * time.Millisecond)
	p := w.multicast(w.clients[0], []byte{1}, 0)
	p.client.hint[0] = 1
	w.run(100 * time.Millisecond)
	p = w.multicast(w.clients[0], []byte{2}, 0)
	start := w.now
	w.runUntilExact(func() bool { return w.node(2).has(p) })
	if d := w.now - start; d != 2*time.Millisecond {
		t.Errorf("%v until the last acceptor delivers", d)
	}
	if n := w.node(2).delivered[1].Nearest; n != 2 {
		t.Errorf("nearest is %d", n)
	}
	w.finish(time.Second)
}

// A fail-over, from the last message of the dead coordinator to the first
// decision of the next, mostly takes little more than the failure timeout; a client that
// asks the wrong acceptors first takes longer.
func TestFailoverTime(t *testing.T) {
	var took []time.Duration
	for seed := range uint64(9) {
		w := newWorld(t, 163+seed, 2, 3, nil)
		w.load(time.Second, 5*time.Millisecond)
		w.runUntil(time.Second, w.allDone)
		w.node(1).dead = true
		died := w.now
		p := w.multicast(w.clients[0], []byte{1}, 0)
		q := w.multicast(w.clients[0], []byte{1}, 0, 1)
		for end := w.now + 5*time.Second; w.now < end && !(w.everywhere(p) && w.everywhere(q)); {
			w.run(10 * time.Millisecond)
		}
		took = append(took, w.now-died)
		w.finish(time.Second)
	}
	slices.Sort(took)
	if took[len(took)/2] > 1500*time.Millisecond {
		t.Errorf("%v to fail over", took)
	}
}

// A replica whose missing instance is trimmed at f+1 acceptors gives up when
// the others, though alive, have not had it for long either.
func TestLostDespiteLivingPeers(t *testing.T) {
	r := newRig(t, 2, 1, 5)
	for i := range 80 {
		for p := range ids.Process(5) {
			it := heartbeatItem{Round: round(9, 1), Leading: p == 0, Decided: 40}
			if p != 2 {
				it.Trim = 31
			}
			if p != 1 {
				r.step(p+1, &heartbeat{Wall: epoch, Hears: true, Items: []heartbeatItem{it}})
			}
		}
		if i < 40 && len(r.core.Lost()) > 0 {
			t.Fatalf("gave up too soon: %v", r.core.Lost())
		}
		r.pass(100 * time.Millisecond)
	}
	if at := r.core.Lost(); !slices.Equal(at, []At{{Ensemble: 0, Instance: 32}}) || r.core.Err() != nil {
		t.Errorf("lost %v, error %v", at, r.core.Err())
	}
}
