package simtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/sim"
)

// transferBound is how long a replica may take to get a state: the pauses between
// starts grow up to half a minute.
const transferBound = 45 * time.Second

// Phases of a run, in virtual time.
const (
	foundBound  = 20 * time.Second // to found the cluster, without faults of processes
	finalOps    = 40               // commands of the last phase
	settleBound = 90 * time.Second // for all replicas to reach the same position
)

// drive runs the cluster through its life: founding, work under faults, the
// same without faults, a last few commands that must all succeed, rest.
func (c *cluster) drive() error {
	if !c.until(foundBound, c.founded) {
		return c.broken("liveness: the cluster was not founded within %v", foundBound)
	}
	begin := c.world.Now()
	for range c.shape.Clients {
		c.addUser()
	}
	c.credit = c.shape.Commands
	c.feed()
	c.unleash()
	c.operate()
	c.until(2*c.shape.Length, func() bool {
		return c.world.Now()-begin >= c.shape.Length && c.submitted >= c.shape.Commands*9/10
	})
	if err := c.broken(""); err != nil || c.lost {
		return err
	}
	c.heal()
	if err := c.finish(); err != nil || c.lost {
		return err
	}
	if err := c.lastWords(); err != nil || c.lost {
		return err
	}
	if !c.until(settleBound, c.settled) {
		return c.broken("liveness: the replicas did not reach the same position within %v of rest%s", settleBound, c.positions())
	}
	if c.shape.Disks.Durable {
		for p := range c.shape.Partitions {
			c.checks.durable(ids.Partition(p))
		}
		c.checks.disks()
	}
	return c.broken("")
}

// until runs the world for at most d of virtual time. It returns whether stop
// held, and not at all beyond a failure.
func (c *cluster) until(d time.Duration, stop func() bool) bool {
	end := c.world.Now() + d
	met := c.world.RunUntil(end, func() bool { return c.err != nil || c.lost || stop() })
	return met && c.err == nil && c.world.Err() == nil
}

// broken is the first failure found by the world or a monitor, else the given
// one, if any.
func (c *cluster) broken(format string, args ...any) error {
	switch {
	case c.world.Err() != nil:
		return c.world.Err()
	case c.err != nil:
		return c.err
	case format == "" || c.lost:
		return nil
	}
	return fmt.Errorf(format, args...)
}

// finish lets all commands be submitted and answered. As long as answers come,
// there is no hurry: an overload takes time to work off.
func (c *cluster) finish() error {
	bound := c.patience()
	for range 20 {
		answered := c.answered
		if c.goOn(bound, func() bool { return c.credit == 0 && c.open == 0 && c.idle() }) {
			return nil
		}
		if c.answered < answered+10 {
			break
		}
	}
	return c.broken("liveness: %v after the faults stopped, %d commands have no answer and %d were not submitted",
		c.world.Now()-c.healed, c.open, c.credit+c.queued())
}

func (c *cluster) founded() bool {
	for _, s := range c.servers {
		if !s.node.Ready() {
			return false
		}
	}
	return true
}

// feed gives each client something to do at random moments, so that the
// commands spread over the run's length.
func (c *cluster) feed() {
	mean := c.shape.Length / time.Duration(c.shape.Commands)
	c.world.After(time.Duration(c.load.Int64N(2*int64(mean)+1)), func() {
		if c.credit == 0 {
			return
		}
		c.credit--
		u := c.clients[c.load.IntN(len(c.clients))]
		u.credit++
		c.world.Poke(u.id)
		c.feed()
	})
}

func (c *cluster) queued() (n int) {
	for _, u := range c.clients {
		n += u.credit
	}
	return n
}

func (c *cluster) idle() bool { return c.queued() == 0 }

// unleash starts the nemesis.
func (c *cluster) unleash() {
	plan := sim.Plan{
		Weights: c.shape.Weights, Every: c.shape.Every, Lasts: c.shape.Lasts,
		Clients: func() []sim.ID {
			var l []sim.ID
			for _, u := range c.clients {
				l = append(l, u.id)
			}
			return l
		},
		MayCrash: c.spare, CrashServer: c.crash, CrashClient: c.crashUser,
		// One replica of each partition may have a wrong clock [R8].
		MayErr:     func(id sim.ID) bool { return int(id)%c.shape.Replicas == 0 },
		ClockError: c.shape.ClockError,
	}
	plan.Groups = make([][]sim.ID, c.shape.Partitions)
	for _, s := range c.servers {
		plan.Servers = append(plan.Servers, s.id)
		plan.Groups[s.part] = append(plan.Groups[s.part], s.id)
	}
	c.nemesis = sim.Unleash(c.world, c.rand, plan)
	c.storm = c.brew()
}

// heal ends all faults and sets the servers' clocks right again.
func (c *cluster) heal() {
	c.nemesis.Stop()
	c.world.Heal()
	for _, s := range c.servers {
		c.world.Synchronize(s.id, time.Duration(c.rand.Int64N(2*int64(c.shape.Skew)+1))-c.shape.Skew)
	}
	c.healed = c.world.Now()
	c.storm.calm()
	for _, u := range slices.Clone(c.clients) {
		if u.rogue {
			c.crashUser(u.id)
		}
	}
}

// patience is how long, without faults, outstanding commands may take: a
// command that is not answered is given up after H.
func (c *cluster) patience() time.Duration {
	t := &c.shape
	return 40*t.Ridge.FailureTimeout + 10*t.Client.MaxPause + 10*t.Partition.PullMax + min(t.Ridge.Horizon, 20*time.Second) + t.Length + transferBound
}

// lastWords submits a few more commands, without haste. All must be answered.
func (c *cluster) lastWords() error {
	before, fetching := len(c.history.Ops), false
	for range finalOps {
		fetching = fetching || c.fetching()
		c.credit++
		c.feed()
		if !c.goOn(c.patience(), func() bool { return c.credit == 0 && c.open == 0 && c.idle() }) {
			return c.broken("liveness: a command submitted without any fault got no answer in %v", c.patience())
		}
	}
	for i := before; i < len(c.history.Ops); i++ {
		if op := &c.history.Ops[i]; op.Returned == 0 && c.shape.patient() && !fetching {
			return c.broken("liveness: %s, submitted without any fault, was given up", c.history.op(op))
		}
	}
	return nil
}

// settled says whether all replicas of each partition are at the same
// position with nothing unfinished.
func (c *cluster) settled() bool {
	return c.positions() == ""
}

func (c *cluster) positions() string {
	first := make([]*server, c.shape.Partitions)
	for _, s := range c.servers {
		if d := s.disk; d != nil && d.dead == nil && s.up() == s.forgetful && s.stopped == nil {
			return fmt.Sprintf(": process %d is down, or should be", s.process)
		}
		if !s.up() {
			continue
		}
		if t := s.node.Status().Transfer; t.Lacks != "" {
			return fmt.Sprintf(": process %d lacks a state: %s, %s", s.process, t.Lacks, t.Phase)
		}
		if o := s.node.Status().Ridge.Optimism; o.Held > 0 {
			return fmt.Sprintf(": process %d has %d messages opt-delivered, or about to be, that are not cons-delivered", s.process, o.Held)
		}
		if left := s.runs.left(); left != "" {
			return left
		}
		st := s.node.Status().Replica
		if st.Unfinished > 0 {
			return fmt.Sprintf(": process %d has %d unfinished commands, waiting for partitions %v", s.process, st.Unfinished, st.Waiting)
		}
		f := first[s.part]
		if f == nil {
			first[s.part] = s
			continue
		}
		if at := f.node.Status().Replica.Position; at != st.Position {
			return fmt.Sprintf(": process %d is at %v, process %d at %v", f.process, at, s.process, st.Position)
		}
	}
	return ""
}
