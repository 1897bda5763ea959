package simtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
)

// user is a client process: a core and what drives it.
type user struct {
	c      *cluster
	id     sim.ID
	name   ids.Client
	core   *client.Core
	ops    []int32 // by sequence, from 1
	reads  []int32 // by number, from 1
	credit int     // commands it may submit now
	open   int
	rogue  bool     // it stamps as far ahead as it pleases
	push   *ratchet // not nil: it pushes time
}

func (c *cluster) addUser() *user {
	u := &user{c: c}
	binary.LittleEndian.PutUint64(u.name[:], c.rand.Uint64())
	binary.LittleEndian.PutUint64(u.name[8:], c.rand.Uint64()|1)
	tuning := c.shape.Client
	skew := c.shape.ClientSkew
	if c.shape.Weights[sim.FaultClientClock] > 0 && c.healed == 0 {
		skew = c.shape.ClockError
	}
	if c.shape.Rogues && c.healed == 0 && c.rand.IntN(2) == 0 {
		// It takes any time for the service's; coordinators refuse what is
		// more than W ahead, and it comes again.
		tuning.Ahead = pick(c.rand, c.shape.Ridge.Window*9/10, 2*c.shape.Ridge.Window, 2*c.shape.Ridge.Horizon)
		skew = 2 * tuning.Ahead
		u.rogue = true
	} else if c.shape.Rogues && c.healed == 0 && c.rand.IntN(2) == 0 {
		tuning.Cast = false // it stamps what is proposed already
		u.push = &ratchet{ahead: c.shape.Ridge.Window * 9 / 10}
		u.rogue = true
	}
	u.core = client.New(client.Config{
		ID: u.name, Topology: c.topo, Map: c.place, Service: c.service, Tuning: tuning,
		Random: c.random(1<<20 + uint64(len(c.all))), Ordered: u.ordered,
	})
	u.id = c.world.Add(ids.ToClient(u.name), 0, u, c.clock(skew))
	c.clients, c.all = append(c.clients, u), append(c.all, u)
	return u
}

// Step implements sim.Endpoint.
func (u *user) Step(now hlc.Now, from ids.Addr, _ ids.Incarnation, m wire.Message) {
	if u.push != nil {
		u.push.hear(m)
	}
	u.core.Step(now, from.Process, m)
}

// Tick implements sim.Endpoint.
func (u *user) Tick(now hlc.Now) { u.core.Tick(now) }

// Wake implements sim.Endpoint.
func (u *user) Wake() time.Duration { return u.core.Wake() }

// Drain implements sim.Endpoint: it takes the results, submits what the
// window now has room for, and sends.
func (u *user) Drain(send func(ids.Addr, wire.Message)) {
	for _, r := range u.core.Early() {
		u.early(&r)
	}
	for _, r := range u.core.Results() {
		u.result(&r)
	}
	u.submit()
	for _, m := range u.core.Sends() {
		if u.push != nil {
			u.push.stamp(&m)
		}
		send(m.To, m.Msg)
	}
	if err := u.core.Err(); err != nil {
		u.c.fail(fmt.Errorf("client %v ended: %w", u.name, err))
	}
}

func (u *user) result(r *client.Result) {
	c := u.c
	i, ok := u.op(r.Sequence)
	if !ok {
		c.fail(fmt.Errorf("client %v has a result for sequence %d, which it never submitted", u.name, r.Sequence))
		return
	}
	if op := &c.history.Ops[i]; op.Returned != 0 || op.Unknown {
		c.fail(fmt.Errorf("client %v has two results for sequence %d", u.name, r.Sequence))
		return
	}
	u.open--
	c.open--
	if r.Err != nil {
		if errors.Is(r.Err, client.ErrOutcomeUnknown) || c.shape.Network.Dup > 0 {
			c.history.giveUp(c.world.Now(), i)
		} else {
			c.history.refuse(c.world.Now(), i)
		}
		c.world.Note(u.id, uint64(r.Sequence), "gave up")
		return
	}
	c.answered++
	c.history.complete(c.world.Now(), i, r.Reply, r.Dests, r.At)
	c.world.Note(u.id, uint64(r.Sequence)<<8|uint64(r.Reply.Outcome), "answered")
}

// early takes an optimistic reply: before the result, once at most.
func (u *user) early(r *client.EarlyReply) {
	i, ok := u.op(r.Sequence)
	if !ok {
		u.c.fail(fmt.Errorf("optimistic: client %v has a reply for sequence %d, which it never submitted", u.name, r.Sequence))
		return
	}
	op := &u.c.history.Ops[i]
	if op.Returned != 0 || op.Unknown || op.Early {
		u.c.fail(fmt.Errorf("optimistic: client %v has a reply for sequence %d, which has one", u.name, r.Sequence))
	}
	op.Early = true
}

func (u *user) submit() {
	c := u.c
	for u.credit > 0 && !u.core.Full() {
		u.credit--
		code, arg, guess := c.work.next(c.load)
		submit := u.core.Submit
		if c.load.IntN(4) == 0 || c.shape.Bare != nil {
			submit = u.core.SubmitOrdered
		} else if c.shape.Execution != optimistic.Conservative && c.asks.IntN(100) < c.shape.Asking {
			submit = u.core.SubmitOptimistic
		}
		seq, err := submit(c.world.Clocks(u.id), code, arg, guess)
		if n, read := client.IsRead(seq); read && err == nil {
			if err := u.read(n, code, arg); err != nil {
				c.fail(err)
				return
			}
			u.opened(seq, code)
			continue
		}
		if err != nil || int(seq) != len(u.ops)+1 {
			c.fail(fmt.Errorf("client %v: Submit gave sequence %d after %d commands: %w", u.name, seq, len(u.ops), err))
			return
		}
		i := c.history.invoke(c.world.Now(), ids.Command{Client: u.name, Sequence: seq}, code, arg)
		u.ops = append(u.ops, i)
		u.opened(seq, code)
	}
}

func (u *user) opened(seq ids.Sequence, code uint16) {
	u.open++
	u.c.open++
	u.c.submitted++
	u.c.world.Note(u.id, uint64(seq)<<16|uint64(code), "submits")
}

// crashUser ends a client; another takes its place.
func (c *cluster) crashUser(id sim.ID) {
	if len(c.all) == 4*c.shape.Clients && c.healed == 0 {
		return
	}
	for i, u := range c.clients {
		if u.id != id {
			continue
		}
		c.world.Crash(id)
		c.open -= u.open
		for _, i := range slices.Concat(u.ops, u.reads) {
			if op := &c.history.Ops[i]; op.Returned == 0 && !op.Unknown {
				c.history.abandon(c.world.Now(), i)
			}
		}
		c.clients = append(c.clients[:i], c.clients[i+1:]...)
		c.addUser().credit = u.credit
		return
	}
}
