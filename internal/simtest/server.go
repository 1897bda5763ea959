package simtest

import (
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// server is one life of a process.
type server struct {
	c       *cluster
	id      sim.ID
	process ids.Process
	part    ids.Partition
	life    int
	node    process
	disk    *disk   // nil: memory-only
	driver  *driver // of this life
	log     *Log
	replica *partition.Replica // whose deliveries log has
	// forgetful: an earlier life of the process remembered what this one does
	// not. It must be refused [R5].
	forgetful bool
	stopped   error // what its core stopped with
	steps     uint64
	fresh     freshness
	claims    []ridge.Claim
	runs      runs
}

// incarnation is drawn from the seed, never zero; a durable process has that of
// its disk.
func (s *server) incarnation() ids.Incarnation {
	if s.disk != nil {
		return s.disk.inc
	}
	return ids.Incarnation(s.c.seed*0x9e3779b97f4a7c15+uint64(s.process)<<8+uint64(s.life)) | 1<<63
}

// boot makes the core of a new life.
func (s *server) boot() error {
	c := s.c
	s.log = c.history.newLog(s.process, s.part)
	s.log.Optimist = c.shape.Ridge.Optimistic && c.shape.Bare == nil
	s.runs.init(s)
	if c.shape.Bare != nil {
		s.node = c.shape.Bare(s)
		c.lives = append(c.lives, s)
		return nil
	}
	cfg := node.Config{
		Self: s.process, Incarnation: s.incarnation(), Topology: c.topo, Service: c.service, Placement: c.place,
		Ridge: c.shape.Ridge, Partition: c.shape.Partition, Random: c.random(uint64(s.process)<<16 | uint64(s.life)),
		Checks: c.shape.Checks, Transfer: c.shape.Transfer,
		Observe: func(e partition.Event) {
			c.history.observe(s.log, e)
			s.runs.finished(e)
			if e.Kind == partition.EventJudged {
				c.checks.judged(s, e.Position.T)
			}
		},
		Optimistic: func(d ridge.OptDelivery) { c.history.optimistic(s.log, d) },
		Execution:  c.shape.Execution, Runs: c.shape.Runs, ObserveRuns: s.runs.observe,
		Learned: func(e ids.Ensemble, i ids.Instance, id ridge.ValueID) { c.checks.learned(s, e, i, id) },
	}
	if s.disk != nil {
		j, found, err := s.disk.open()
		if err != nil {
			return err
		}
		s.driver = &driver{s: s, d: s.disk, j: j}
		cfg.Durable, cfg.Recovered = true, found
		// Far apart, as random ones are: questions and values count on from there.
		cfg.Life = c.seed*0x9e3779b97f4a7c15 + uint64(s.process)<<40 + uint64(s.life)<<20 + 1
	}
	s.log.restoring = true
	n, err := node.New(cfg)
	s.log.restoring = false
	if err != nil {
		return err
	}
	s.node, s.replica = whole{n}, n.Replica()
	s.log.From = s.replica.Status().Position
	if s.driver != nil {
		s.driver.node = n
		d := n.Status().Durable
		s.disk.stats.Damaged += uint64(len(d.Damaged))
		if len(d.Damaged) > 0 && s.disk.spoiled == "" {
			return fmt.Errorf("durability: nothing has happened to its disk, but %v", d.Damaged)
		}
		if d.Checkpoint > 0 {
			s.disk.stats.Restored++
		}
	}
	c.lives = append(c.lives, s)
	return nil
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
	s.adopted()
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
	s.adopted()
	v := s.driver
	if v != nil && s.c.shape.Disks.Early {
		v.journalled()
	}
	for _, m := range s.node.Sends() {
		s.fresh.answer(m.To, m.Msg)
		if v != nil {
			s.claims = ridge.Claims(s.process, m.Msg, s.claims[:0])
			v.claimed(s.claims)
			v.progress(m.Msg)
			v.begins(m.Msg)
		}
		send(m.To, m.Msg)
	}
	s.steps++
	if v != nil {
		v.journalled()
		v.work()
	}
	s.c.checks.stepped(s)
	err := s.node.Err()
	if n, ok := s.node.(whole); ok && err == nil && n.Waiting() && !s.c.replaces() {
		err = node.ErrForgotten // nobody replaces it
	}
	if v != nil && v.err != nil {
		err = v.err
	}
	if err != nil && s.stopped == nil {
		s.stopped = err
		s.c.world.Note(s.id, 0, "stops: "+err.Error())
		s.c.checks.stop(s)
		s.c.world.After(0, func() { s.c.ended(s) })
	}
}

// adopted begins another log if the replica has been replaced by one made of
// another's state.
func (s *server) adopted() {
	w, ok := s.node.(whole)
	if !ok || w.Replica() == s.replica {
		return
	}
	s.replica = w.Replica()
	s.c.checks.lacked[s.part] = true
	s.runs.init(s)
	s.log = s.c.history.adopt(s.log, s.replica.Status().Position)
}

// over takes the end of this life.
func (s *server) over() {
	t := s.node.Status().Transfer
	if t.Lacks != "" {
		s.log.stray = nil // of a state that did not become durable
	}
	if t.From != 0 || len(t.Serving) > 0 {
		s.c.checks.Amid++
	}
}

// up says whether the process lives, and remembers all that it ever did.
func (s *server) up() bool { return s.stopped == nil && !s.forgetful && s.alive() }

// alive says whether this is the process's present life.
func (s *server) alive() bool { return s.c.world.Alive(s.id) && s.c.servers[s.id] == s }

// close ends a core; one that panicked may not be closable.
func (s *server) close() {
	defer func() { _ = recover() }()
	s.node.Close()
}
