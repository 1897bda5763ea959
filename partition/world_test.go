package partition

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// world runs all replicas of a few partitions on one merged order, in virtual
// time, with a network that may delay, drop, repeat and reorder messages, and
// replicas that may stop for good. Every message passes through its encoding.
type world struct {
	t       testing.TB
	rng     *rand.Rand
	seed    uint64
	service *Service
	place   Placement
	tuning  Tuning
	model   *model
	order   []Delivery
	nodes   []*node
	now     time.Duration
	events  events
	nEvents uint64

	drop, repeat float64
	slow         time.Duration // the usual network delay is up to this
	lag          time.Duration // between deliveries at one replica
	faultsUntil  time.Duration
	few          bool                                            // its programs are for the caches
	filter       func(from, to ids.Process, m wire.Message) bool // false: lost
	onSend       func(from ids.Process, s Send)
	delivered    func(n *node) // after each delivery
	needs        func(n *node) // it needs another's state

	started map[Tag]map[ids.Partition]bool
	before  map[Tag][]Tag // what precedes a command by conflicts
	replies map[Tag][]*Reply
	sent    int
}

type node struct {
	w         *world
	id        ids.Process
	p         ids.Partition
	config    Config
	r         *Replica
	next      int // in the order
	lives     int
	moved     bool // its state is another's
	crashed   bool
	crashedAt time.Duration
	fooled    map[ids.Process]bool // wrong suspicions
	doubted   bool                 // it was suspected wrongly
	finished  map[Tag]Event
	judged    map[ids.Position]Verdict
}

type happening struct {
	at  time.Duration
	seq uint64
	do  func()
}

type events []happening

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(happening)) }
func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}

func testTuning() Tuning {
	t := DefaultTuning()
	t.Horizon, t.Window, t.ClientWindow = 3*time.Millisecond, 300*time.Microsecond, 8
	t.MaxAccesses, t.MaxBytes = 60, 1500
	t.PartItems, t.PartBytes = 3, 60
	t.MinCached = 1
	t.PullAfter, t.PullMax, t.ProgressEvery = 5*time.Millisecond, 40*time.Millisecond, 20*time.Millisecond
	return t
}

func newWorld(t testing.TB, seed uint64, partitions, replicas int, service *Service, tuning Tuning, tweak ...func(*Config)) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), seed: seed, service: service, tuning: tuning,
		place: testMap{n: partitions, version: 3}, slow: time.Millisecond, lag: 200 * time.Microsecond,
		started: make(map[Tag]map[ids.Partition]bool), before: make(map[Tag][]Tag), replies: make(map[Tag][]*Reply),
	}
	w.model = newModel(service, w.place, tuning)
	sets := make([][]ids.Process, partitions)
	for p := range sets {
		for i := range replicas {
			sets[p] = append(sets[p], ids.Process(1+p*replicas+i))
		}
	}
	for p := range sets {
		for _, id := range sets[p] {
			n := &node{w: w, id: id, p: ids.Partition(p), fooled: make(map[ids.Process]bool),
				finished: make(map[Tag]Event), judged: make(map[ids.Position]Verdict)}
			spec := service
			if rand.New(rand.NewPCG(seed, uint64(id))).IntN(2) == 0 {
				spec = prepared(service) // beside others that are not
			}
			n.config = Config{
				Self: id, Partition: n.p, Replicas: sets, Service: spec, Placement: w.place,
				Tuning: tuning, Checks: seed%2 == 0, Suspected: n.suspects, Observe: n.observe,
			}
			for _, f := range tweak {
				f(&n.config)
			}
			n.r = newReplica(n.config)
			w.nodes = append(w.nodes, n)
			t.Cleanup(n.r.Close)
		}
	}
	return w
}

// newReplica compares sums more often.
func newReplica(c Config) *Replica {
	r := New(c)
	r.sums.every = 4
	return r
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d, at %v: %s", w.seed, w.now, fmt.Sprintf(format, args...))
}

func (n *node) suspects(p ids.Process) bool {
	other := n.w.nodes[p-1]
	return n.fooled[p] || other.crashed && n.w.now > other.crashedAt+50*time.Millisecond
}

func (n *node) observe(ev Event) {
	tag := Tag{ev.Position, ev.Command, ev.Attempt}
	switch ev.Kind {
	case EventJudged:
		n.judged[ev.Position] = ev.Verdict
	case EventStarted:
		if n.w.started[tag] == nil {
			n.w.started[tag] = make(map[ids.Partition]bool)
		}
		n.w.started[tag][n.p] = true
	case EventFinished:
		if old, twice := n.finished[tag]; twice && (n.lives == 0 || old.Outcome != ev.Outcome || old.Reply != ev.Reply) {
			n.w.fatalf("process %d finished %v twice", n.id, tag)
		}
		ev.Reads, ev.Ranges, ev.Writes = slices.Clone(ev.Reads), slices.Clone(ev.Ranges), slices.Clone(ev.Writes)
		n.finished[tag] = ev
	}
}

func (w *world) at(d time.Duration, do func()) {
	w.nEvents++
	heap.Push(&w.events, happening{w.now + d, w.nEvents, do})
}

func (w *world) clock() hlc.Now {
	return hlc.Now{Mono: w.now, Wall: hlc.Timestamp(1e9 + w.now/time.Microsecond)}
}

// after: every input to a replica ends here.
func (n *node) after() {
	w := n.w
	for _, s := range n.r.Sends() {
		w.sent++
		if w.onSend != nil {
			w.onSend(n.id, s)
		}
		body := s.Msg.Append(nil)
		m, err := Decode(s.Msg.Kind(), body)
		if err != nil {
			w.fatalf("%T does not decode: %v", s.Msg, err)
		}
		if s.To.Process == 0 {
			if m, ok := m.(*Reply); ok {
				w.reply(n, m)
			}
			continue
		}
		w.transmit(n.id, s.To.Process, m)
	}
	if need, why := n.r.NeedState(); need && w.needs != nil {
		w.needs(n)
	} else if need {
		if !n.doubted {
			w.fatalf("process %d: %s", n.id, why)
		}
		w.crash(n) // others were told not to wait for it
		return
	}
	if err := n.r.Err(); err != nil {
		w.fatalf("process %d stopped: %v", n.id, err)
	}
	if wake := n.r.Wake(); wake < Never {
		w.at(max(wake-w.now, 0), func() {
			if !n.crashed && n.r.Wake() <= w.now {
				n.r.Tick(w.clock())
				n.after()
			}
		})
	}
}

func (w *world) transmit(from, to ids.Process, m wire.Message) {
	if w.filter != nil && !w.filter(from, to, m) {
		return
	}
	copies := 1
	if w.now < w.faultsUntil {
		if w.rng.Float64() < w.drop {
			copies = 0
		}
		if w.rng.Float64() < w.repeat {
			copies++
		}
	}
	for range copies {
		delay := time.Duration(1 + w.rng.Int64N(int64(w.slow)))
		if w.rng.IntN(20) == 0 {
			delay *= 10
		}
		w.at(delay, func() {
			if n := w.nodes[to-1]; !n.crashed {
				n.r.Step(w.clock(), from, m)
				n.after()
			}
		})
	}
}

// reply checks what no reply may do: leave before every destination, and
// every command before it by conflicts, has started somewhere. The latter is
// the induction of section 4.4: x is answered only after every y that precedes
// it has started, so no y precedes x that was issued after x's reply.
func (w *world) reply(n *node, m *Reply) {
	if !m.Outcome.Final() {
		return
	}
	tag, e := w.ending(m)
	if e == nil {
		w.fatalf("process %d replies to %v attempt %d, which was not accepted", n.id, m.Command, m.Attempt)
	}
	w.replies[tag] = append(w.replies[tag], m)
	w.sameReply(n, tag, m, &e.reply)
	for _, d := range w.order {
		if d.Position != tag.Position {
			continue
		}
		for _, p := range d.Dests {
			if !w.started[tag][p] {
				w.fatalf("process %d replies to %v before partition %d has started it", n.id, tag, p)
			}
		}
	}
	for _, y := range w.before[tag] {
		if len(w.started[y]) == 0 {
			w.fatalf("process %d replies to %v before %v, which precedes it, has started anywhere", n.id, tag, y)
		}
	}
}

func (w *world) ending(m *Reply) (Tag, *ending) {
	for tag, e := range w.model.ends {
		if tag.Command == m.Command && tag.Attempt == m.Attempt {
			return tag, e
		}
	}
	return Tag{}, nil
}

func (w *world) sameReply(n *node, tag Tag, got, want *Reply) {
	if got.Outcome != want.Outcome || string(got.Value) != string(want.Value) ||
		got.ErrorName != want.ErrorName || !got.Needed.Equal(want.Needed) ||
		got.Time < want.Time || got.MapVersion != want.MapVersion {
		w.fatalf("process %d replies to %v\n%+v, want\n%+v", n.id, tag, got, want)
	}
}

// deliver feeds one replica its part of the order.
func (w *world) deliver(n *node) {
	if n.crashed {
		return
	}
	for n.next < len(w.order) && !w.order[n.next].Dests.Has(n.p) {
		n.next++
	}
	if n.next == len(w.order) {
		return
	}
	if n.r.Ready() {
		d := w.order[n.next]
		n.next++
		n.r.Deliver(w.clock(), d)
		n.after()
		if w.delivered != nil {
			w.delivered(n)
		}
		if n.r.queue.live > n.r.tuning.MaxUnfinished || n.r.outbox.line.live > n.r.tuning.MaxOutbox ||
			n.r.early.messages > n.r.tuning.MaxEarly || n.r.early.questions > n.r.tuning.MaxQuestions {
			w.fatalf("process %d exceeds a bound: %+v", n.id, n.r.Status())
		}
	}
	life := n.lives
	w.at(time.Duration(w.rng.Int64N(int64(w.lag)+1)), func() {
		if n.lives == life {
			w.deliver(n)
		}
	})
}

// add appends a delivery to the order and lets the model judge it.
func (w *world) add(d Delivery) Verdict {
	v, agree := w.model.deliver(&d)
	if !agree {
		w.fatalf("destinations disagree about %v attempt %d at %v", d.Command, d.Attempt, d.Position)
	}
	w.order = append(w.order, d)
	w.precede(&d)
	return v
}

// precede notes what comes before a command by conflicts, transitively.
func (w *world) precede(d *Delivery) {
	tag := Tag{d.Position, d.Command, d.Attempt}
	e := w.model.ends[tag]
	if e == nil || !e.ran {
		return
	}
	have := make(map[Tag]bool)
	for _, earlier := range w.order[:len(w.order)-1] {
		y := Tag{earlier.Position, earlier.Command, earlier.Attempt}
		f := w.model.ends[y]
		if f == nil || !f.ran || !(w.touches(e, f) || w.touches(f, e)) {
			continue
		}
		have[y] = true
		for _, z := range w.before[y] {
			have[z] = true
		}
	}
	for y := range have {
		w.before[tag] = append(w.before[tag], y)
	}
}

// touches says whether one command touches what another writes, other than as
// that does, by the same operation, which commutes.
func (w *world) touches(e, by *ending) bool {
	for _, k := range by.writes {
		if op, blind := by.blind[k]; blind {
			if same, also := e.blind[k]; also && same == op {
				continue
			}
		}
		if slices.Contains(e.reads, k) || slices.Contains(e.writes, k) {
			return true
		}
		for i := range e.ranges {
			if w.service.inRange(k, &e.ranges[i]) {
				return true
			}
		}
	}
	return false
}

func (w *world) crash(n *node) {
	n.crashed, n.crashedAt = true, w.now
	n.r.Close()
}

// run lets the world run until nothing happens any more.
func (w *world) run(limit time.Duration) {
	for _, n := range w.nodes {
		w.at(time.Duration(w.rng.Int64N(int64(w.lag)+1)), func() { w.deliver(n) })
	}
	w.resume(limit)
}

func (w *world) resume(limit time.Duration) {
	for len(w.events) > 0 {
		h := heap.Pop(&w.events).(happening)
		if h.at > limit {
			heap.Push(&w.events, h)
			return
		}
		w.now = h.at
		h.do()
	}
}

// finish checks the end of a run in which everything could finish.
func (w *world) finish() {
	if len(w.events) > 0 {
		w.fatalf("still busy")
	}
	digests := make(map[ids.Partition]uint64)
	for _, n := range w.nodes {
		if n.crashed {
			continue
		}
		st := n.r.Status()
		if st.Unfinished != 0 || n.next < len(w.order) {
			w.fatalf("process %d is at %d of %d with %d unfinished, waiting for %v", n.id, n.next, len(w.order), st.Unfinished, st.Waiting)
		}
		if st.Outbox > w.kept() || w.kept() == 0 && st.OutboxBytes != 0 {
			w.fatalf("process %d keeps %d entries, %d bytes", n.id, st.Outbox, st.OutboxBytes)
		}
		if n.r.heldBytes != 0 || n.r.index.live() != 0 || len(n.r.index.absent) != 0 || n.r.index.barrier != nil || len(n.r.index.ranged) != 0 || n.r.queueBytes != 0 {
			w.fatalf("process %d has leftovers", n.id)
		}
		w.endOf(n)
		_, digest, ok := n.r.Digest()
		if !ok {
			w.fatalf("process %d has no digest", n.id)
		}
		if d, there := digests[n.p]; there && d != digest {
			w.fatalf("replicas of partition %d differ", n.p)
		}
		digests[n.p] = digest
	}
}

// kept is how many entries an outbox may keep for replicas that are gone.
func (w *world) kept() int {
	if slices.ContainsFunc(w.nodes, func(n *node) bool { return n.crashed }) {
		return w.tuning.MaxOutbox / patience
	}
	return 0
}

// endOf compares a replica's endings and state with the model's.
func (w *world) endOf(n *node) {
	for _, d := range w.order {
		if !d.Dests.Has(n.p) {
			continue
		}
		tag := Tag{d.Position, d.Command, d.Attempt}
		e, accepted := w.model.ends[tag]
		ev, finished := n.finished[tag]
		if accepted != finished && !n.moved {
			w.fatalf("process %d: %v accepted %v, finished %v", n.id, tag, accepted, finished)
		}
		if !accepted || !finished {
			continue
		}
		if ev.Outcome != e.reply.Outcome {
			w.fatalf("process %d ends %v with %v, want %v", n.id, tag, ev.Outcome, e.reply.Outcome)
		}
		if want := e.reply; want.ErrorName != nameArgument && want.ErrorText != "" || want.Outcome == OutcomeOK {
			if ev.Reply != want.Digest() {
				w.fatalf("process %d replies otherwise to %v", n.id, tag)
			}
		}
		here := func(keys []Key) (some int) { // of what is only updated elsewhere nothing is known
			for _, k := range keys {
				if w.place.Owners(k).Has(n.p) {
					some++
				}
			}
			return some
		}
		if here(ev.Writes) != here(e.writes) {
			w.fatalf("process %d writes %v in %v, want %v", n.id, ev.Writes, tag, e.writes)
		}
	}
	count := 0
	for k, v := range w.model.state {
		if !w.place.Owners(k).Has(n.p) {
			continue
		}
		count++
		if got, ok := n.r.state.get(k); !ok || string(got) != string(v) {
			w.fatalf("process %d has %v = %x (%v), want %x", n.id, k, got, ok, v)
		}
	}
	if count != n.r.state.count {
		w.fatalf("process %d holds %d variables, want %d", n.id, n.r.state.count, count)
	}
}
