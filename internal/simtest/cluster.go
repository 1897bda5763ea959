package simtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// cluster is one simulated cluster with its clients.
type cluster struct {
	seed    uint64
	shape   Shape
	rand    *rand.Rand // the driver's draws
	load    *rand.Rand // the workload's draws
	world   *sim.World
	history *History
	service *partition.Service
	place   *oracle.Map
	topo    *ridge.Topology
	work    workload
	servers []*server // by process, from 1
	lives   []*server // every life of every process
	clients []*user   // those that live
	all     []*user
	nemesis *sim.Nemesis
	checks  monitor

	credit    int // commands still to be submitted
	submitted int
	answered  int
	open      int // submitted, neither answered nor given up, by clients that live
	crashes   int
	lost      bool          // a partition has no quorum left
	healed    time.Duration // zero before the fault-free phase
	err       error         // what a monitor found
}

// start is the physical time at virtual time zero.
const start = hlc.Timestamp(1_767_225_600_000_000)

// server is one life of a process.
type server struct {
	c       *cluster
	id      sim.ID
	process ids.Process
	part    ids.Partition
	life    int
	node    process
	log     *Log
	stopped error // what its core stopped with
	steps   uint64
	fresh   freshness
}

func newCluster(seed uint64, shape Shape) (*cluster, error) {
	c := &cluster{
		seed: seed, shape: shape,
		rand: rand.New(rand.NewPCG(seed, 0x64726976)), load: rand.New(rand.NewPCG(seed, 0x6c6f6164)),
	}
	if err := errors.Join(shape.Ridge.Validate(), shape.Partition.Validate()); err != nil {
		return nil, fmt.Errorf("the drawn shape is not valid: %w", err)
	}
	replicas := make([][]ids.Process, shape.Partitions)
	p := ids.Process(0)
	for i := range replicas {
		for range shape.Replicas {
			p++
			replicas[i] = append(replicas[i], p)
		}
	}
	c.topo = ridge.NewTopology(replicas)
	if err := c.topo.Validate(); err != nil {
		return nil, err
	}
	c.service = bankService()
	if shape.Service == "volery" {
		c.service = voleryService.Definition()
	}
	if err := c.service.Validate(); err != nil {
		return nil, err
	}
	c.place = oracle.New(1, shape.Partitions, c.service)
	c.history = newHistory(c.service, c.place, shape.Partitions, shape.Partition.MaxAccesses)
	c.work = newBankLoad(&c.shape, c.place)
	if shape.Service == "volery" {
		c.work = &voleryLoad{service: voleryService, place: c.place, shape: &c.shape}
		c.history.Second = voleryModel(c.history)
	}
	c.world = sim.New(seed, sim.Config{
		Endpoints: int(p) + 5*shape.Clients, Decode: node.Decode, Pointers: shape.Pointers, Network: shape.Network,
	})
	c.checks.init(c)
	for i := range replicas {
		for _, p := range replicas[i] {
			s := &server{c: c, process: p, part: ids.Partition(i)}
			if err := s.boot(); err != nil {
				return nil, err
			}
			s.id = c.world.Add(ids.To(p), s.incarnation(), s, c.clock(shape.Skew))
			c.servers = append(c.servers, s)
		}
	}
	return c, nil
}

// clock draws an endpoint's clocks.
func (c *cluster) clock(skew time.Duration) sim.Clock {
	return sim.Clock{
		Base:       start,
		Grain:      c.shape.Grain,
		MonoOffset: time.Duration(c.rand.Int64N(int64(100 * time.Second))),
		MonoPPM:    c.rand.Int64N(401) - 200,
		Skew:       time.Duration(c.rand.Int64N(2*int64(skew)+1)) - skew,
	}
}

func (c *cluster) random(stream uint64) func() uint64 {
	return rand.New(rand.NewPCG(c.seed, stream<<8|0xff)).Uint64
}

// incarnation is drawn from the seed, never zero.
func (s *server) incarnation() ids.Incarnation {
	return ids.Incarnation(s.c.seed*0x9e3779b97f4a7c15+uint64(s.process)<<8+uint64(s.life)) | 1<<63
}

// boot makes the core of a new life.
func (s *server) boot() error {
	c := s.c
	s.log = c.history.newLog(s.process, s.part)
	s.log.Optimist = c.shape.Ridge.Optimistic && c.shape.Bare == nil
	if c.shape.Bare != nil {
		s.node = c.shape.Bare(s)
		c.lives = append(c.lives, s)
		return nil
	}
	n, err := node.New(node.Config{
		Self: s.process, Incarnation: s.incarnation(), Topology: c.topo, Service: c.service, Placement: c.place,
		Ridge: c.shape.Ridge, Partition: c.shape.Partition, Random: c.random(uint64(s.process)<<8 | uint64(s.life)),
		Checks: c.shape.Checks, NoTransfer: true,
		Observe: func(e partition.Event) {
			c.history.observe(s.log, e)
			if e.Kind == partition.EventJudged {
				c.checks.judged(s, e.Position.T)
			}
		},
		Optimistic: func(d ridge.OptDelivery) { c.history.optimistic(s.log, d) },
		Learned:    func(e ids.Ensemble, i ids.Instance, id ridge.ValueID) { c.checks.learned(s, e, i, id) },
	})
	s.node = whole{n}
	c.lives = append(c.lives, s)
	return err
}

// process is a node.Node as the cluster uses it.
type process interface {
	Step(now hlc.Now, from ids.Addr, inc ids.Incarnation, m wire.Message)
	Tick(now hlc.Now)
	Wake() time.Duration
	Sends() []node.Send
	Ready() bool
	Err() error
	Status() node.Status
	Digest() (ids.Position, uint64, bool)
	Close()
}

type whole struct{ *node.Node }

func (w whole) Digest() (ids.Position, uint64, bool) { return w.Replica().Digest() }

// Step implements sim.Endpoint.
func (s *server) Step(now hlc.Now, from ids.Addr, inc ids.Incarnation, m wire.Message) {
	s.fresh.take(s, from, m)
	s.node.Step(now, from, inc, m)
}

// Tick implements sim.Endpoint.
func (s *server) Tick(now hlc.Now) { s.node.Tick(now) }

// Wake implements sim.Endpoint.
func (s *server) Wake() time.Duration {
	if s.stopped != nil {
		return sim.Never
	}
	return s.node.Wake()
}

// Drain implements sim.Endpoint. A core that stops says its last words and is
// gone, as a driver would end its process.
func (s *server) Drain(send func(ids.Addr, wire.Message)) {
	for _, m := range s.node.Sends() {
		s.fresh.answer(m.To, m.Msg)
		send(m.To, m.Msg)
	}
	s.steps++
	s.c.checks.stepped(s)
	if err := s.node.Err(); err != nil && s.stopped == nil {
		s.stopped = err
		s.c.world.Note(s.id, 0, "stops: "+err.Error())
		s.c.checks.stop(s)
		s.c.world.After(0, func() { s.c.world.Crash(s.id) })
	}
}

// up says whether the process lives.
func (s *server) up() bool { return s.stopped == nil && s.life == 0 && s.c.world.Alive(s.id) }

// down counts a partition's processes that do not live.
func (c *cluster) down(p ids.Partition) (n int) {
	for _, s := range c.servers {
		if s.part == p && !s.up() {
			n++
		}
	}
	return n
}

// mayLag says whether a run's faults and bounds can leave a replica behind.
func (c *cluster) mayLag() bool {
	return c.shape.Network.Tail > 2 || c.shape.Network.Loss > 0 || c.shape.Weights != [sim.Faults]int{} || c.smallLog()
}

func (c *cluster) smallLog() bool {
	return c.shape.Ridge.MaxLogCount < 1000 || c.shape.Ridge.MaxLogBytes < 1<<20
}

// spare says whether a process may crash: f of its partition may. What it has
// acknowledged may be trimmed at any time after, so the others must have it
// too, or its crash and a laggard's loss are two faults.
func (c *cluster) spare(id sim.ID) bool {
	victim := c.servers[id]
	if !victim.up() || c.down(victim.part) >= (c.shape.Replicas-1)/2 {
		return false
	}
	slack := ids.Instance(0)
	if !c.smallLog() {
		slack = 200
	}
	at := victim.node.Status().Ridge.Ensembles
	for _, s := range c.servers {
		if s.part != victim.part || !s.up() {
			continue
		}
		for i, e := range s.node.Status().Ridge.Ensembles {
			if i < len(at) && e.Delivered+slack < at[i].Delivered {
				return false
			}
		}
	}
	return true
}

// crash stops a process for good. In some runs it is started again, having
// forgotten everything, and must be refused [R5].
func (c *cluster) crash(id sim.ID) {
	c.world.Crash(id)
	c.crashes++
	if !c.shape.Restarts {
		return
	}
	old := c.servers[id]
	c.world.After(between(c.rand, 0, c.shape.Ridge.FailureTimeout*4), func() {
		s := &server{c: c, id: id, process: old.process, part: old.part, life: old.life + 1}
		c.servers[id] = s
		if err := s.boot(); err != nil {
			c.fail(err)
			return
		}
		c.world.Restart(id, s.incarnation(), s)
	})
}

func (c *cluster) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

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
		c.history.giveUp(c.world.Now(), i)
		c.world.Note(u.id, uint64(r.Sequence), "gave up")
		return
	}
	c.answered++
	c.history.complete(c.world.Now(), i, r.Reply, r.Dests, r.At)
	c.world.Note(u.id, uint64(r.Sequence)<<8|uint64(r.Reply.Outcome), "answered")
}

func (u *user) submit() {
	c := u.c
	for u.credit > 0 && !u.core.Full() {
		u.credit--
		code, arg, guess := c.work.next(c.load)
		submit := u.core.Submit
		if c.load.IntN(4) == 0 || c.shape.Bare != nil {
			submit = u.core.SubmitOrdered
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
