package optimistic

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
)

// world is the replicas of a few partitions that execute one merged order. What
// a replica does next is drawn: a delivery of either kind, a message, a tick.
type world struct {
	t     testing.TB
	seed  uint64
	rng   *rand.Rand
	place testMap
	order []partition.Delivery
	nodes []*node
	now   time.Duration
	sent  map[ids.Command][]*Reply // optimistic replies
	ends  map[ids.Command]*partition.Reply
	// spoil is how often an optimistic delivery or message is changed on the way.
	spoil, lose float64
	ahead       int // the most that optimistic deliveries are ahead
	inOrder     bool
}

type node struct {
	w  *world
	id ids.Process
	p  ids.Partition
	// leads: it speaks for its partition before the turn.
	leads bool
	r     *partition.Replica
	m     *Machine // nil: conservative execution only
	mail  []letter
	next  int // in the order
	opt   int
	done  map[ids.Position]partition.Event
	// answered: it has sent the conservative reply.
	answered map[attempt]bool
}

type letter struct {
	from ids.Process
	m    wire.Message
}

func newWorld(t testing.TB, seed uint64, place testMap, replicas int, order []partition.Delivery, mode Mode, tuning Tuning) *world {
	w := &world{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, uint64(mode)+5)), place: place, order: order, ahead: 1 + int(seed%12),
		sent: make(map[ids.Command][]*Reply), ends: make(map[ids.Command]*partition.Reply),
	}
	sets := make([][]ids.Process, place)
	for p := range sets {
		for i := range replicas {
			sets[p] = append(sets[p], ids.Process(1+p*replicas+i))
		}
	}
	pt := partition.DefaultTuning()
	pt.Horizon, pt.ClientWindow, pt.Sequential = 5*time.Millisecond, 64, seed%11 == 0
	pt.ExecuteTwice = seed%5 == 0
	for p := range sets {
		for _, id := range sets[p] {
			n := &node{w: w, id: id, p: ids.Partition(p), leads: id == sets[p][seed%uint64(replicas)], done: make(map[ids.Position]partition.Event), answered: make(map[attempt]bool)}
			n.r = partition.New(partition.Config{
				Self: id, Partition: n.p, Replicas: sets, Service: testService(), Placement: place,
				Tuning: pt, Checks: seed%3 == 0,
				Observe: func(ev partition.Event) {
					if ev.Kind == partition.EventFinished {
						ev.Reads, ev.Writes, ev.Ranges = slices.Clone(ev.Reads), slices.Clone(ev.Writes), slices.Clone(ev.Ranges)
						n.done[ev.Position] = ev
					}
				},
			})
			if mode != Conservative {
				n.m = New(n.r, Config{Mode: mode, Tuning: tuning})
			}
			t.Cleanup(n.r.Close)
			w.nodes = append(w.nodes, n)
		}
	}
	return w
}

func (w *world) clock() hlc.Now {
	return hlc.Now{Mono: w.now, Wall: hlc.Timestamp(1e9 + w.now/time.Microsecond)}
}

// drain posts what a replica sends.
func (n *node) drain() {
	w := n.w
	var sends []partition.Send
	if n.m != nil {
		sends = n.m.Sends()
	} else {
		sends = n.r.Sends()
	}
	for _, s := range sends {
		body := s.Msg.Append(nil)
		var m wire.Message
		var err error
		if s.Msg.Kind() >= wire.KindOptimistic {
			m, err = Decode(s.Msg.Kind(), body)
		} else {
			m, err = partition.Decode(s.Msg.Kind(), body)
		}
		if err != nil {
			w.t.Fatalf("seed %d: %T: %v", w.seed, s.Msg, err)
		}
		switch m := m.(type) {
		case *Reply:
			if n.answered[attempt{m.Command, m.Attempt}] {
				w.t.Fatalf("seed %d: an optimistic reply to %v after the conservative one", w.seed, m.Command)
			}
			w.sent[m.Command] = append(w.sent[m.Command], m)
		case *partition.Reply:
			w.ends[m.Command] = m
			n.answered[attempt{m.Command, m.Attempt}] = m.Outcome <= partition.OutcomeRetry
		case *Exchange:
			if w.rng.Float64() >= w.lose {
				w.spoilExchange(m)
				to := w.nodes[s.To.Process-1]
				to.mail = append(to.mail, letter{n.id, m})
			}
		default:
			to := w.nodes[s.To.Process-1]
			to.mail = append(to.mail, letter{n.id, m})
		}
	}
	if err := n.r.Err(); err != nil {
		w.t.Fatalf("seed %d: process %d: %v", w.seed, n.id, err)
	}
}

// spoilExchange contaminates values.
func (w *world) spoilExchange(m *Exchange) {
	for i := range m.Vars {
		if w.rng.Float64() < w.spoil {
			m.Vars[i].Value, m.Vars[i].OK = []byte{byte(w.rng.IntN(256))}, w.rng.IntN(3) > 0
		}
	}
}

func (n *node) deliver() {
	d := n.w.order[n.next]
	n.next++
	if !d.Dests.Has(n.p) {
		return
	}
	if n.m != nil {
		n.m.Deliver(n.w.clock(), d)
	} else {
		n.r.Deliver(n.w.clock(), d)
	}
}

// optimistic opt-delivers one, as it was ordered or not.
func (n *node) optimistic() {
	w := n.w
	if n.opt < n.next && w.rng.IntN(10) > 0 {
		n.opt = n.next
	}
	if n.opt == len(w.order) {
		return
	}
	i := n.opt
	n.opt++
	silly := func() bool { return w.rng.Float64() < w.spoil }
	if silly() {
		i = w.rng.IntN(len(w.order))
		if w.rng.IntN(2) == 0 {
			i = min(len(w.order)-1, n.opt+w.rng.IntN(4))
		}
	}
	d, other := w.order[i], w.order[w.rng.IntN(len(w.order))]
	o := partition.OptDelivery{Command: d.Command, Attempt: d.Attempt, T0: d.T0, Mark: d.Mark, Dests: d.Dests, Body: d.Body, Leads: n.leads}
	if silly() {
		switch w.rng.IntN(6) {
		case 0:
			o.Body = other.Body
		case 1:
			o.Dests = other.Dests
		case 2:
			o.T0 += hlc.Timestamp(w.rng.IntN(3000))
		case 3:
			o.Command.Sequence += 3
		case 4:
			o.Attempt++
		case 5:
			o.Body = slices.Clone(o.Body)
		}
	}
	if !w.inOrder && silly() && w.rng.IntN(2) == 0 {
		return // never comes
	}
	if o.Dests.Has(n.p) {
		n.m.DeliverOptimistic(w.clock(), o, w.rng.Float64() < w.spoil)
	}
}

func (n *node) step() (idle bool) {
	w := n.w
	mayOpt := n.m != nil && n.opt < len(w.order) && n.opt < n.next+w.ahead
	mayDeliver := n.next < len(w.order) && n.r.Ready()
	if w.inOrder && n.m != nil {
		mayDeliver = mayDeliver && n.opt > n.next
	}
	switch x := w.rng.IntN(4); {
	case x == 0 && mayDeliver:
		n.deliver()
	case x <= 1 && mayOpt:
		n.optimistic()
	case len(n.mail) > 0:
		i := 0
		if w.rng.IntN(3) == 0 {
			i = w.rng.IntN(len(n.mail))
		}
		l := n.mail[i]
		n.mail = slices.Delete(n.mail, i, i+1)
		if n.m != nil {
			n.m.Step(w.clock(), l.from, l.m)
		} else {
			n.r.Step(w.clock(), l.from, l.m)
		}
	case n.m != nil && n.m.Wake() <= w.now:
		n.m.Tick(w.clock())
	case n.m == nil && n.r.Wake() <= w.now:
		n.r.Tick(w.clock())
	default:
		return !mayDeliver
	}
	n.drain()
	return false
}

// run goes on until all has been delivered and has ended.
func (w *world) run() {
	for idle, rounds := 0, 0; idle < 400; rounds++ {
		if rounds > 5_000_000 {
			w.t.Fatalf("seed %d: no end", w.seed)
		}
		n := w.nodes[w.rng.IntN(len(w.nodes))]
		w.now += time.Microsecond
		if n.step() {
			if idle++; idle == 200 {
				w.now += 2 * time.Second // whatever is lost is asked for
			}
		} else {
			idle = 0
		}
	}
	for _, n := range w.nodes {
		if st := n.r.Status(); st.Unfinished > 0 || n.next < len(w.order) {
			w.t.Fatalf("seed %d: process %d has %d unfinished, %d of %d delivered", w.seed, n.id, st.Unfinished, n.next, len(w.order))
		}
	}
}

// draw makes a merged order. Raised: some final timestamps are above T0.
func draw(rng *rand.Rand, place testMap, n int, tame, raised bool) []partition.Delivery {
	var order []partition.Delivery
	at := hlc.Timestamp(1e9)
	seqs := make([]ids.Sequence, 3)
	for range n {
		if !tame && len(order) > 0 && rng.IntN(10) == 0 { // a copy, or another attempt
			d := order[max(0, len(order)-1-rng.IntN(8))]
			at += hlc.Timestamp(1 + rng.IntN(50))
			d.Position.T = at
			if rng.IntN(2) == 0 {
				d.Attempt++
				d.Dests = ids.Range(int(place))
			}
			order = append(order, d)
			continue
		}
		c := rng.IntN(len(seqs))
		seqs[c]++
		arg, dests := program(rng, place, tame)
		at += hlc.Timestamp(1 + rng.IntN(50))
		d := partition.Delivery{
			Position: ids.Position{T: at, E: ids.All}, Command: ids.Command{Client: ids.Client{1, byte(c)}, Sequence: seqs[c]},
			Attempt: 1, T0: at, Mark: max(1, seqs[c]) - min(max(1, seqs[c])-1, 8), Dests: dests, Proposed: at,
			Body:    partition.Request{MapVersion: 1, Command: uint16(rng.IntN(2)), Optimistic: true, Arg: arg}.Append(nil),
			Nearest: ids.Process(1 + rng.IntN(3)),
		}
		if raised && rng.IntN(4) == 0 {
			d.T0 -= hlc.Timestamp(rng.IntN(9000))
		}
		if !tame && rng.IntN(40) == 0 {
			d.Body = d.Body[:len(d.Body)-1]
		}
		order = append(order, d)
	}
	return order
}

// same compares every replica with one of its partition that executes
// conservatively only.
func (w *world) same(plain *world) {
	for _, n := range w.nodes {
		i := slices.IndexFunc(plain.nodes, func(o *node) bool { return o.p == n.p })
		o := plain.nodes[i]
		for pos, want := range o.done {
			got, ok := n.done[pos]
			if !ok || got.Outcome != want.Outcome || got.Reply != want.Reply ||
				!slices.Equal(got.Reads, want.Reads) || !slices.Equal(got.Writes, want.Writes) || len(got.Ranges) != len(want.Ranges) {
				w.t.Fatalf("seed %d: process %d ended %v with\n%+v, want\n%+v", w.seed, n.id, pos, got, want)
			}
		}
		if len(n.done) != len(o.done) {
			w.t.Fatalf("seed %d: process %d ended %d, want %d", w.seed, n.id, len(n.done), len(o.done))
		}
		_, got, ok := n.r.Digest()
		_, want, _ := o.r.Digest()
		if !ok || got != want {
			w.t.Fatalf("seed %d: process %d has state %x, want %x", w.seed, n.id, got, want)
		}
	}
}
