// Package sim is a deterministic simulator of distributed systems made of
// cores without IO: virtual time, one goroutine, one seed. It knows endpoints,
// their clocks, the network between them and what may go wrong with all
// three; it knows no protocol.
//
// Everything that happens follows from the seed and from what the caller
// does, so a run repeats byte for byte: Hash covers every event and every
// byte that any endpoint sent.
package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Endpoint is a core that the world drives: a server process or a client.
type Endpoint interface {
	Step(now hlc.Now, from ids.Addr, inc ids.Incarnation, m wire.Message)
	Tick(now hlc.Now)
	// Wake is the monotonic time of the next Tick needed; zero or Never
	// means none.
	Wake() time.Duration
	// Drain hands over everything said since the last call, in order.
	Drain(send func(to ids.Addr, m wire.Message))
}

// Never as a Wake time means that no Tick is needed.
const Never = time.Duration(1<<63 - 1)

// ID numbers the endpoints of a world in the order in which they were added.
type ID int32

// Config shapes a world.
type Config struct {
	// Endpoints is the largest number of endpoints the world will have.
	Endpoints int
	// Decode reads messages back. Nil, or Pointers set: messages travel as
	// pointers, and the world checks that nobody changed one after sending.
	Decode   wire.Decoder
	Pointers bool
	Network  Network
	// InboxLimit bounds what waits for a paused or slow endpoint; what comes
	// beyond it is dropped, like a connection whose sender gave up.
	InboxLimit int
	// Trace, if not nil, is told every event as it happens. Slow.
	Trace func(Event)
}

// World is one simulated system. It is not safe for concurrent use.
type World struct {
	cfg   Config
	now   time.Duration
	queue heap
	net   *rand.Rand // the network's draws
	ends  []endpoint
	addrs map[ids.Addr]ID
	links []link // Endpoints * Endpoints, by sender
	calls []func()
	free  []int32 // free places in calls
	msgs  []flight
	fmsg  []int32 // free places in msgs
	quiet bool    // Heal was called: the network has no faults of its own
	// burst is the loss, in millionths, of a burst that lasts until burstEnd.
	burst    int
	burstEnd time.Duration
	epoch    uint32 // counts Heal; ends of faults begun before it are void

	trace  trace
	Counts Counts
	err    error
	emit   func(to ids.Addr, m wire.Message)
	sender ID // on whose behalf emit is called
	bytes  arena
	buf    []byte
}

type endpoint struct {
	addr  ids.Addr
	inc   ids.Incarnation
	core  Endpoint
	clock Clock
	alive bool
	life  uint32 // counts restarts
	// wake is when the earliest live wake event fires; Never if none.
	wake  time.Duration
	spins int // ticks in a row that asked for another at once
	// held is until when the endpoint is paused.
	held time.Duration
	// cost is what handling one message takes, zero unless the endpoint is
	// slow; busy is until when the last one keeps it.
	cost, busy time.Duration
	// inbox holds what arrived while the endpoint was held or busy, as places
	// in msgs. Invariant: not empty implies that a run event is queued.
	inbox []int32
	head  int
	run   bool // a run event is queued
}

// New makes an empty world.
func New(seed uint64, cfg Config) *World {
	if cfg.InboxLimit == 0 {
		cfg.InboxLimit = 4096
	}
	w := &World{
		cfg:   cfg,
		net:   rand.New(rand.NewPCG(seed, 0x6e6574)),
		addrs: make(map[ids.Addr]ID, cfg.Endpoints),
		links: make([]link, cfg.Endpoints*cfg.Endpoints),
	}
	w.trace.hash = seed
	w.emit = func(to ids.Addr, m wire.Message) { w.send(w.sender, to, m) }
	w.drawLinks()
	return w
}

// Add puts an endpoint into the world and gives it its first Tick at once.
func (w *World) Add(addr ids.Addr, inc ids.Incarnation, core Endpoint, clock Clock) ID {
	id := ID(len(w.ends))
	if int(id) == w.cfg.Endpoints {
		panic("sim: more endpoints than Config.Endpoints")
	}
	w.ends = append(w.ends, endpoint{addr: addr, inc: inc, core: core, clock: clock, alive: true, wake: Never})
	w.addrs[addr] = id
	w.scheduleTick(id, w.now)
	return id
}

// Restart puts another core, another incarnation of the same process, in the
// place of one that crashed. What is in flight towards the old one reaches it.
func (w *World) Restart(id ID, inc ids.Incarnation, core Endpoint) {
	e := &w.ends[id]
	e.inc, e.core, e.alive = inc, core, true
	e.life++
	e.spins = 0
	e.wake, e.held, e.busy, e.cost = Never, 0, 0, 0
	w.Counts.Restarts++
	w.note(Event{Kind: Restarted, To: id})
	w.scheduleTick(id, w.now)
}

// Now is the virtual time since the start.
func (w *World) Now() time.Duration { return w.now }

// Clocks is what the endpoint's clocks say now.
func (w *World) Clocks(id ID) hlc.Now { return w.ends[id].clock.read(w.now) }

// Alive says whether the endpoint has not crashed.
func (w *World) Alive(id ID) bool { return w.ends[id].alive }

// Held says whether the endpoint is paused.
func (w *World) Held(id ID) bool { return w.ends[id].held > w.now }

// Err is the first broken rule of the world itself: a message that does not
// decode, or that changed after it was sent.
func (w *World) Err() error { return w.err }

// At calls f at virtual time at, or now if that has passed.
func (w *World) At(at time.Duration, f func()) {
	var i int32
	if n := len(w.free); n > 0 {
		i, w.free = w.free[n-1], w.free[:n-1]
		w.calls[i] = f
	} else {
		i = int32(len(w.calls))
		w.calls = append(w.calls, f)
	}
	w.queue.push(event{at: max(at, w.now), kind: evCall, arg: i})
}

// After calls f in d.
func (w *World) After(d time.Duration, f func()) { w.At(w.now+d, f) }

// Poke sends what a core has to say after the caller, not the world, handed it
// an input.
func (w *World) Poke(id ID) { w.settle(id) }

// Next handles the earliest event. It returns false when there is none, or
// when the world is broken (Err).
func (w *World) Next() bool {
	if w.err != nil || len(w.queue.a) == 0 {
		return false
	}
	ev := w.queue.pop()
	w.now = ev.at
	switch ev.kind {
	case evMessage:
		w.arrive(ev.arg)
	case evTick:
		w.tick(ID(ev.arg), ev.at)
	case evRun:
		w.drainInbox(ID(ev.arg))
	case evCall:
		f := w.calls[ev.arg]
		w.calls[ev.arg] = nil
		w.free = append(w.free, ev.arg)
		f()
	}
	return w.err == nil
}

// RunUntil handles events until stop says so, time end is reached, or nothing
// is left. It returns whether stop said so.
func (w *World) RunUntil(end time.Duration, stop func() bool) bool {
	for !stop() {
		if len(w.queue.a) == 0 || w.queue.a[0].at > end {
			w.now = max(w.now, end)
			return false
		}
		if !w.Next() {
			return false
		}
	}
	return true
}

// settle sends what the core has to say and plans its next tick.
func (w *World) settle(id ID) {
	e := &w.ends[id]
	w.sender = id
	e.core.Drain(w.emit)
	wake := e.core.Wake()
	if wake <= 0 || wake == Never {
		return
	}
	if at := max(e.clock.when(wake), w.now); at < e.wake {
		w.scheduleTick(id, at)
	}
}

func (w *World) scheduleTick(id ID, at time.Duration) {
	w.ends[id].wake = at
	w.queue.push(event{at: at, kind: evTick, arg: int32(id)})
}

// tick fires a wake event. An event that is not the endpoint's earliest is
// stale: another was planned before it.
func (w *World) tick(id ID, at time.Duration) {
	e := &w.ends[id]
	if e.wake != at || !e.alive {
		return
	}
	if until := max(e.held, e.busy); until > w.now {
		w.scheduleTick(id, until)
		return
	}
	e.wake = Never
	w.note(Event{Kind: Ticked, To: id})
	e.core.Tick(e.clock.read(w.now))
	w.settle(id)
	if e.wake > w.now+time.Microsecond {
		e.spins = 0
		return
	}
	// A core that wants another tick at this very instant must not hold time
	// still: its clock moves on by a microsecond. One that goes on wanting is
	// broken: a real driver would burn a processor.
	if e.spins++; e.spins > maxSpins {
		w.fail(fmt.Errorf("%v asks for a tick at once, %d times in a row", e.addr, e.spins))
	}
	w.scheduleTick(id, w.now+time.Microsecond)
}

const maxSpins = 1000
