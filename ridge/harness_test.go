package ridge

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// epoch is where the clocks of the simulated world start.
const epoch = hlc.Timestamp(1_700_000_000_000_000)

// world is a deterministic network of cores on virtual time.
type world struct {
	// ordered: what there is to send leaves before anything is delivered, as a node
	// has it.
	ordered bool
	t       testing.TB
	rng     *rand.Rand
	tuning  Tuning
	topo    *Topology
	now     time.Duration
	queue   events
	serial  int
	nodes   []*node // by process - 1

	// Faults of the network.
	minDelay, maxDelay time.Duration
	loss, dup          float64
	lossOf             map[wire.Kind]float64   // besides, by kind
	cut                map[[2]ids.Process]bool // from, to
	bytes              bool                    // messages travel encoded
	// filter, if set, may drop or see each message.
	filter func(from, to ids.Process, m wire.Message) bool
	// onDeliver, if set, sees each delivery.
	onDeliver func(*node, Delivery)
	// onSend, if set, sees each message sent, those that are lost too.
	onSend func(from ids.Process, s Send)
	// afterFlush, if set, is called when a node has had its say.
	afterFlush func(*node)

	// offers, if set, says which of a proposer's sends arrive.
	offers func(Send) bool

	proposals []*proposal
	byName    map[copyID]*proposal
	clients   []*client
	places    map[ids.Position]copyID
	decided   map[place]ValueID
	messages  int
	healed    bool
	size      int  // of the messages of load
	mayLose   bool // replicas may fall behind a small log
	// syncs take that long in a durable world.
	syncMin, syncMax   time.Duration
	crashes, transfers int
	reads              int
	manual             bool // checkpoints are taken by the test
	lost               int
	founded            map[ids.Process]ids.Incarnation
	replaced           int
	advice             map[Reason]int
	failed             bool
}

type place struct {
	e ids.Ensemble
	k ids.Instance
}

type node struct {
	w    *world
	id   ids.Process
	part ids.Partition
	core *Core
	dead bool
	// inc is its incarnation; twin the one before, if it is alive after all.
	inc  ids.Incarnation
	twin *node
	// faulty: its clock is wrong or it will crash.
	faulty bool
	// fragile: it may lose all its checkpoints, in a durable world.
	fragile bool
	until   time.Duration // paused until
	// wall is its physical clock, as offset from true time.
	skew      time.Duration
	delivered []Delivery
	// opt has the places of the optimistic deliveries, by name; order lists
	// them.
	opt    map[copyID]int
	order  []copyID
	forced int
	// accepted: it was cons-delivered so that a layer above could accept it.
	accepted map[copyID]bool
	stalled  bool  // does not pull
	disk     *disk // of a durable world
	wakeAt   time.Duration
	promised map[ids.Ensemble]Round
	checked  map[ids.Ensemble]ids.Instance
	err      error
}

type client struct {
	id   ids.Client
	seq  ids.Sequence
	skew time.Duration
	hint map[ids.Ensemble]ids.Process
}

type proposal struct {
	m      *Message
	e      ids.Ensemble
	client *client
	done   bool
	tries  int
}

type event struct {
	at     time.Duration
	serial int
	run    func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].serial < q[j].serial
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	x := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return x
}

// newWorld makes partitions of replicas processes each.
func newWorld(t testing.TB, seed uint64, partitions, replicas int, adjust func(*Tuning)) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 17)), tuning: DefaultTuning(),
		minDelay: 50 * time.Microsecond, maxDelay: 300 * time.Microsecond,
		cut: map[[2]ids.Process]bool{}, byName: map[copyID]*proposal{},
		places: map[ids.Position]copyID{}, decided: map[place]ValueID{}, advice: map[Reason]int{}, founded: map[ids.Process]ids.Incarnation{},
	}
	if adjust != nil {
		adjust(&w.tuning)
	}
	if err := w.tuning.Validate(); err != nil {
		t.Fatal(err)
	}
	var rs [][]ids.Process
	for p := range partitions {
		var r []ids.Process
		for i := range replicas {
			r = append(r, ids.Process(p*replicas+i+1))
		}
		rs = append(rs, r)
	}
	w.topo = NewTopology(rs)
	if err := w.topo.Validate(); err != nil {
		t.Fatal(err)
	}
	for p, r := range rs {
		for _, id := range r {
			n := &node{w: w, id: id, opt: map[copyID]int{}, accepted: map[copyID]bool{}, part: ids.Partition(p), wakeAt: never,
				promised: map[ids.Ensemble]Round{}, checked: map[ids.Ensemble]ids.Instance{}}
			n.inc = ids.Incarnation(id) + 5000
			w.founded[id] = n.inc
			n.core = New(Config{Self: id, Incarnation: n.inc, Founded: w.originally, Life: uint64(id) + 1000, Topology: w.topo, Tuning: w.tuning, Random: w.rng.Uint64})
			w.nodes = append(w.nodes, n)
			w.after(time.Duration(w.rng.Int64N(int64(time.Millisecond))), n.tick)
		}
	}
	for i := range 4 {
		w.clients = append(w.clients, &client{id: ids.Client{byte(i + 1)}, hint: map[ids.Ensemble]ids.Process{}})
	}
	return w
}

func (w *world) node(p ids.Process) *node { return w.nodes[p-1] }

func (w *world) after(d time.Duration, run func()) {
	w.serial++
	heap.Push(&w.queue, event{w.now + d, w.serial, run})
}

// run lets virtual time pass.
func (w *world) run(d time.Duration) {
	end := w.now + d
	for len(w.queue) > 0 && w.queue[0].at <= end && !w.failed {
		ev := heap.Pop(&w.queue).(event)
		w.now = ev.at
		ev.run()
	}
	w.now = end
}

// runUntil runs until ok, at most d.
func (w *world) runUntil(d time.Duration, ok func() bool) bool {
	end := w.now + d
	for w.now < end && !w.failed {
		if ok() {
			return true
		}
		w.run(min(10*time.Millisecond, end-w.now))
	}
	return ok()
}

// runUntilExact runs event by event until ok.
func (w *world) runUntilExact(ok func() bool) {
	for !ok() && len(w.queue) > 0 && !w.failed {
		w.run(w.queue[0].at - w.now)
	}
}

func (w *world) errorf(format string, args ...any) {
	w.failed = true
	w.t.Helper()
	w.t.Errorf("at %v: %s", w.now, fmt.Sprintf(format, args...))
}

func (n *node) clock() hlc.Now {
	return hlc.Now{Mono: n.w.now, Wall: epoch.Add(n.w.now + n.skew)}
}

func (n *node) asleep() bool { return n.dead || n.w.now < n.until }

func (n *node) tick() {
	if n.dead || n.err != nil {
		return
	}
	if n.asleep() {
		n.w.after(n.until-n.w.now, n.tick)
		return
	}
	n.wakeAt = never
	n.core.Tick(n.clock())
	n.flush()
}

func (w *world) originally(p ids.Process) ids.Incarnation { return w.founded[p] }

func (n *node) step(from ids.Addr, m wire.Message) { n.stepFrom(from, 0, m) }

func (n *node) stepFrom(from ids.Addr, inc ids.Incarnation, m wire.Message) {
	if n.dead || n.err != nil {
		return
	}
	if n.asleep() { // waits in the socket
		n.w.after(n.until-n.w.now+time.Duration(n.w.rng.Int64N(1000)), func() { n.stepFrom(from, inc, m) })
		return
	}
	n.core.StepFrom(n.clock(), from, inc, m)
	n.flush()
}

// flush takes what the core has to give.
func (n *node) flush() {
	if n.w.ordered && n.disk == nil && !n.stalled {
		for _, s := range n.core.Sends() {
			n.w.post(n, s)
		}
	}
	for !n.stalled {
		for {
			d, ok := n.core.NextOptimistic()
			if !ok {
				break
			}
			n.deliverOptimistic(d)
		}
		d, ok := next(n.core)
		if !ok {
			break
		}
		n.deliver(d)
	}
	first := n.disk != nil && n.w.rng.IntN(2) == 0
	if first {
		n.journal()
	}
	for _, s := range n.core.Sends() {
		n.w.post(n, s)
	}
	if n.disk != nil && !first {
		n.journal()
	}
	if errors.Is(n.core.Err(), ErrReplaced) && len(n.w.nodes) > 0 && n.w.node(n.id).inc != n.inc {
		n.dead = true
		return
	}
	if err := n.core.Err(); err != nil && n.err == nil {
		n.err = err
		n.w.errorf("process %d stopped: %v\n%s", n.id, err, n.w.describe())
		return
	}
	if n.disk != nil && len(n.core.Lost()) > 0 {
		n.transfer()
	} else if n.w.mayLose && len(n.core.Lost()) > 0 {
		n.dead = true // as if it had crashed
		n.w.lost++
		return
	}
	n.check()
	if n.w.afterFlush != nil {
		n.w.afterFlush(n)
	}
	if at := max(n.core.Wake(), n.w.now); at < n.wakeAt && at != never {
		n.wakeAt = at
		n.w.after(at-n.w.now, func() {
			if n.wakeAt == at {
				n.tick()
			}
		})
	}
}

// survivable says whether at most f replicas of each partition are dead or have a wrong clock.
func (w *world) survivable() bool {
	for _, rs := range w.topo.Replicas {
		dead := 0
		for _, r := range rs {
			if w.node(r).dead || w.node(r).faulty {
				dead++
			}
		}
		if dead > (len(rs)-1)/2 {
			return false
		}
	}
	return true
}

// post puts a message on the wire.
func (w *world) post(sender *node, s Send) {
	from := sender.id
	w.messages++
	if w.onSend != nil && sender == w.node(from) {
		w.onSend(from, s)
	}
	if s.To.Process == 0 {
		a := s.Msg.(*Advice)
		w.advice[a.Reason]++
		if p := w.byName[copyID{a.Command, a.Attempt}]; p != nil && a.Reason == Redirect {
			p.client.hint[a.Ensemble] = a.Coordinator
		}
		return
	}
	to := s.To.Process
	if to == from {
		w.errorf("process %d sends %T to itself", from, s.Msg)
	}
	if w.filter != nil && !w.filter(from, to, s.Msg) || w.cut[[2]ids.Process{from, to}] || w.rng.Float64() < w.loss+w.lossOf[s.Msg.Kind()] {
		return
	}
	copies := 1
	if w.rng.Float64() < w.dup {
		copies = 2
	}
	m := w.carry(s.Msg)
	for range copies {
		d := w.minDelay + time.Duration(w.rng.Int64N(int64(w.maxDelay-w.minDelay)+1))
		w.after(d, func() {
			if n := w.node(to); n.twin != nil {
				n.twin.stepFrom(ids.To(from), sender.inc, m)
			}
			w.node(to).stepFrom(ids.To(from), sender.inc, m)
		})
	}
}

// carry encodes and decodes, in worlds that do.
func (w *world) carry(m wire.Message) wire.Message {
	if !w.bytes {
		return m
	}
	got, err := Decode(m.Kind(), m.Append(nil))
	if err != nil {
		w.errorf("%T does not decode: %v", m, err)
	}
	return got
}

func (n *node) deliver(d Delivery) {
	w := n.w
	if !d.Message.Dests.Has(n.part) {
		w.errorf("process %d delivers %v, which is not addressed to it", n.id, d.Message.Command)
	}
	if k := len(n.delivered); k > 0 && !n.delivered[k-1].Position.Less(d.Position) {
		w.errorf("process %d delivers %v after %v", n.id, d.Position, n.delivered[k-1].Position)
	}
	name := idOf(d.Message)
	if n.core.acceptable(d.Message, d.Position.T) {
		n.accepted[name] = true
		if _, ok := n.opt[name]; !ok && w.tuning.Optimistic {
			w.errorf("process %d cons-delivers %v, which it has not opt-delivered", n.id, name)
		}
	}
	p := w.byName[name]
	if p == nil || p.m.Digest() != d.Message.Digest() {
		w.errorf("process %d delivers %v, which was not proposed so", n.id, name)
		return
	}
	if first, ok := w.places[d.Position]; ok && first != name {
		w.errorf("%v is the place of %v and of %v", d.Position, first, name)
	}
	w.places[d.Position] = name
	m := *d.Message // which is the core's
	d.Message = &m
	n.delivered = append(n.delivered, d)
	if w.onDeliver != nil {
		w.onDeliver(n, d)
	}
}

func (n *node) deliverOptimistic(d OptDelivery) {
	w, name := n.w, idOf(d.Message)
	if _, twice := n.opt[name]; twice {
		w.errorf("process %d opt-delivers %v twice", n.id, name)
	}
	if n.accepted[name] {
		w.errorf("process %d opt-delivers %v after its conservative delivery", n.id, name)
	}
	p := w.byName[name]
	if p == nil || p.m.Digest() != d.Message.Digest() || !d.Message.Dests.Has(n.part) {
		w.errorf("process %d opt-delivers %v, which was not proposed so", n.id, name)
	}
	n.opt[name] = len(n.opt)
	n.order = append(n.order, name)
	if d.Forced {
		n.forced++
	}
}

// checkHeld looks at what optimistic delivery keeps.
func (n *node) checkHeld() {
	o, t := &n.core.opt, &n.w.tuning
	if o.count > t.MaxHeld || o.bytes > max(t.MaxHeldSize, t.MaxMessage+64) || len(o.order) > maxOrigins || o.records > maxRecords || len(o.order) != len(o.origins) {
		n.w.errorf("process %d holds %d copies of %d bytes, %d clients, %d records", n.id, o.count, o.bytes, len(o.order), o.records)
	}
	count := len(o.queue)
	for _, l := range []*list{&o.listed, &o.strays} {
		for h := l.head; h != nil; h = h.next {
			count++
		}
	}
	if count != o.count {
		n.w.errorf("process %d holds %d copies, of which %d wait", n.id, o.count, count)
	}
}

// check looks at a node's invariants.
func (n *node) check() {
	w := n.w
	n.checkHeld()
	for _, e := range n.core.ensembles {
		if e.promised.Less(n.promised[e.id]) {
			w.errorf("process %d ensemble %d: promised round fell", n.id, e.id)
		}
		n.promised[e.id] = e.promised
		if e.known.Less(e.promised) {
			w.errorf("process %d ensemble %d: known < promised", n.id, e.id)
		}
		if e.log.bytes > 3*w.tuning.MaxLogBytes || e.log.count > e.log.limit {
			w.errorf("process %d ensemble %d: log of %d bytes, %d instances", n.id, e.id, e.log.bytes, e.log.count)
		}
		fresh := 0
		for i := range e.lead.open {
			if !e.lead.open[i].obliged {
				fresh++
			}
		}
		if fresh > w.tuning.Pipeline || len(e.lead.open) > planWindow {
			w.errorf("process %d ensemble %d: %d open, of which %d are new", n.id, e.id, len(e.lead.open), fresh)
		}
		if len(e.parked) > maxParked {
			w.errorf("process %d ensemble %d: %d values parked", n.id, e.id, len(e.parked))
		}
		for k := max(e.log.base+1, e.log.end()-min(e.log.end(), 8)); k <= e.log.end(); k++ {
			if s := e.log.at(k); s.value != nil && !e.enough(s.value) || s.chosen != nil && !e.enough(s.chosen) {
				w.errorf("process %d ensemble %d instance %d: payloads are missing", n.id, e.id, k) // R6
			}
		}
		for k := max(n.checked[e.id], e.log.base) + 1; k < e.next; k++ {
			s := e.log.at(k)
			if s == nil || s.chosen == nil {
				w.errorf("process %d ensemble %d took %d without a value", n.id, e.id, k)
				return
			}
			if s.value != nil && e.promised.Less(s.round) {
				w.errorf("process %d ensemble %d instance %d: vote above promise", n.id, e.id, k)
			}
			at := place{e.id, k}
			if id, ok := w.decided[at]; ok && id != s.chosen.ID {
				w.errorf("ensemble %d instance %d decided twice", e.id, k)
			}
			w.decided[at] = s.chosen.ID
		}
		n.checked[e.id] = e.next - 1
	}
}

// multicast has a client propose a message, again and again until delivered.
func (w *world) multicast(c *client, body []byte, dests ...ids.Partition) *proposal {
	c.seq++
	p := &proposal{client: c, m: &Message{
		Command: ids.Command{Client: c.id, Sequence: c.seq}, Attempt: 1,
		T0: epoch.Add(w.now + c.skew), Mark: 1, Dests: ids.NewSet(dests...), Body: body,
	}}
	p.e = w.topo.EnsembleFor(p.m.Dests)
	w.proposals = append(w.proposals, p)
	w.byName[idOf(p.m)] = p
	w.offer(p)
	return p
}

func (w *world) offer(p *proposal) {
	if p.done || w.everywhere(p) {
		p.done = true
		return
	}
	as := w.topo.spec(p.e).Acceptors
	to, ok := p.client.hint[p.e]
	if !ok || p.tries > 0 {
		to = as[w.rng.IntN(len(as))]
	}
	p.tries++
	var prop Proposal
	prop.Init(w.topo, p.m, w.tuning.Optimistic)
	for i, s := range prop.Sends(nil, w.topo, to) {
		if p.tries > 1 && i > 0 {
			break // again to an acceptor only
		}
		d := w.minDelay + time.Duration(w.rng.Int64N(int64(w.maxDelay-w.minDelay)+1))
		if w.rng.Float64() >= w.loss+w.lossOf[s.Msg.Kind()] && (w.offers == nil || w.offers(s)) {
			m := w.carry(s.Msg)
			w.after(d, func() { w.node(s.To.Process).step(ids.ToClient(p.client.id), m) })
		}
	}
	w.after(300*time.Millisecond+time.Duration(w.rng.Int64N(int64(200*time.Millisecond))), func() { w.offer(p) })
}

// everywhere says whether all living replicas of the destinations that pull
// have delivered p.
func (w *world) everywhere(p *proposal) bool {
	for _, n := range w.nodes {
		if !n.dead && n.err == nil && p.m.Dests.Has(n.part) && !n.has(p) {
			return false
		}
	}
	return true
}

func (n *node) has(p *proposal) bool {
	name := idOf(p.m)
	for i := len(n.delivered) - 1; i >= 0; i-- {
		if idOf(n.delivered[i].Message) == name {
			return true
		}
	}
	return false
}

func (w *world) allDone() bool {
	for _, p := range w.proposals {
		if !p.done && !w.everywhere(p) {
			return false
		}
		p.done = true
	}
	return true
}

// heal ends all faults of the network.
func (w *world) heal() {
	w.healed = true
	w.loss, w.dup, w.lossOf = 0, 0, nil
	w.cut = map[[2]ids.Process]bool{}
	w.filter = nil
	for _, n := range w.nodes {
		n.stalled = false
		n.until = 0
	}
}

// sever cuts the link between p and q, both ways or only from p to q.
func (w *world) sever(p, q ids.Process, both bool) {
	w.cut[[2]ids.Process{p, q}] = true
	if both {
		w.cut[[2]ids.Process{q, p}] = true
	}
}

// finish demands that everything proposed is delivered within d, and checks
// the order of all deliveries.
func (w *world) finish(d time.Duration) {
	w.t.Helper()
	if !w.runUntil(d, w.allDone) && !w.failed && w.survivable() {
		left := 0
		for _, p := range w.proposals {
			if !p.done {
				left++
			}
		}
		w.errorf("%d of %d messages undelivered %v after healing\n%s", left, len(w.proposals), d, w.describe())
	}
	w.run(500 * time.Millisecond)
	if !w.runUntil(20*time.Second, w.level) && !w.failed && w.survivable() {
		w.errorf("replicas of a partition stay behind each other\n%s", w.describe())
	}
	w.checkOrder()
}

// level says whether the living replicas of each partition have delivered as
// much as each other.
func (w *world) level() bool {
	for _, rs := range w.topo.Replicas {
		most, least := 0, 1<<30
		for _, r := range rs {
			if n := w.node(r); !n.dead {
				most, least = max(most, len(n.delivered)), min(least, len(n.delivered))
			}
		}
		if least < most {
			return false
		}
	}
	return true
}

// checkOrder compares what each two processes delivered and both were
// addressed by: one is a prefix of the other (uniform prefix order, at dead
// processes too). That positions rise at each process and name one message
// everywhere makes the order acyclic.
func (w *world) checkOrder() {
	w.t.Helper()
	for i, a := range w.nodes {
		for _, b := range w.nodes[:i] {
			x, y := common(a, b.part), common(b, a.part)
			n := min(len(x), len(y))
			if !slices.Equal(x[:n], y[:n]) {
				w.errorf("processes %d and %d deliver in different orders", a.id, b.id)
			}
			if w.survivable() && a.part == b.part && !a.dead && !b.dead && a.err == nil && b.err == nil && len(x) != len(y) {
				w.errorf("processes %d and %d delivered %d and %d", a.id, b.id, len(x), len(y))
			}
		}
	}
}

func common(n *node, part ids.Partition) (ps []ids.Position) {
	for i := range n.delivered {
		if n.delivered[i].Message.Dests.Has(part) {
			ps = append(ps, n.delivered[i].Position)
		}
	}
	return ps
}

func (w *world) describe() (s string) {
	for _, n := range w.nodes {
		st := n.core.Status()
		s += fmt.Sprintf("p%d dead=%v skew=%v delivered=%d suspects=%v %+v\n", n.id, n.dead, n.skew, len(n.delivered), st.Suspected, st.Counters)
		for i, e := range st.Ensembles {
			x := n.core.ensembles[i]
			s += fmt.Sprintf("   %+v seen=%d phase=%d chain=%v complains=%v promised=%v last=%v want=%v\n", e, x.seen, x.lead.phase, x.lead.chain, x.complains, x.promised,
				(x.stream.last-epoch).Sub(0)-w.now, (x.lead.nulls.want-epoch).Sub(0)-w.now)
		}
	}
	return s
}

// next pulls one delivery.
func next(c *Core) (d Delivery, ok bool) {
	var ds [1]Delivery
	ok = c.Next(ds[:]) > 0
	return ds[0], ok
}
