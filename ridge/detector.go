package ridge

import (
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// detector is the process's one failure detector, for all its ensembles. It
// hears from a process by any message; heartbeats make sure there are some.
type detector struct {
	self    ids.Process
	timeout time.Duration
	every   time.Duration
	// peers by name; order lists them sorted, for everything that iterates.
	peers map[ids.Process]*peer
	order []*peer
	// beatAt is when the next heartbeat is due, beaten when the last went out;
	// beatNow wants one at once.
	beatAt, beaten time.Duration
	beatNow        bool
}

// peer is another process with which heartbeats are exchanged.
type peer struct {
	process ids.Process
	// heard is when it was last heard (Mono).
	heard time.Duration
	// deaf: it said in its last heartbeat that it does not hear us.
	deaf bool
	// wall is its physical clock as reported when our Mono was wallAt.
	wall   hlc.Timestamp
	wallAt time.Duration
	clock  bool // wall is known
	// behind: by its last report it had not delivered what this process had
	// delivered half a failure timeout before.
	behind bool
	// full: its disk has too little room left.
	full bool
}

// init finds the peers: all processes with which an ensemble is shared. Two
// learners need one another's signs of life too: what the layer above keeps
// for a replica of another partition is kept until that replica has it or is
// suspected.
func (d *detector) init(cfg *Config, home ids.Partition) {
	d.self, d.timeout, d.every = cfg.Self, cfg.Tuning.FailureTimeout, cfg.Tuning.Heartbeat
	d.peers = make(map[ids.Process]*peer)
	for _, p := range cfg.Topology.Replicas[home] {
		d.addPeer(p)
	}
	for i := range cfg.Topology.Ensembles {
		s := &cfg.Topology.Ensembles[i]
		if !s.Partitions.Has(home) {
			continue
		}
		for _, p := range cfg.Topology.learners(s) {
			d.addPeer(p)
		}
	}
	slices.SortFunc(d.order, func(a, b *peer) int { return int(a.process) - int(b.process) })
}

func (d *detector) addPeer(p ids.Process) {
	if p == d.self || d.peers[p] != nil {
		return
	}
	q := &peer{process: p}
	d.peers[p] = q
	d.order = append(d.order, q)
}

// start gives every peer a failure timeout to be heard.
func (d *detector) start(now hlc.Now) {
	d.beatAt = now.Mono
	for _, p := range d.order {
		p.heard = now.Mono
	}
}

// slept forgives silence during a pause of this very process: it could not
// have heard anybody.
func (d *detector) slept(pause time.Duration) {
	if pause <= d.timeout/2 {
		return
	}
	for _, p := range d.order {
		p.heard += pause
	}
}

// pace aligns this process's heartbeats with those of the lowest process that
// it hears, after a heartbeat from there. Processes that beat together wake one
// another in one go, not once for each peer, which is a quarter of what an idle
// process costs.
//
// Invariant: whatever comes, between two heartbeats there are at least half and
// at most one and a half periods, unless beatNow asks for one.
func (c *Core) pace(from ids.Process) {
	if from > c.self {
		return
	}
	for _, p := range c.order {
		if p.process == from {
			break
		}
		if c.hears(p) {
			return // that one sets the pace
		}
	}
	if c.now.Mono-c.beaten >= c.every/2 {
		c.beatNow = true
	} else {
		c.beatAt = min(c.now.Mono+c.every, c.beaten+c.every*3/2)
	}
}

func (c *Core) heard(p ids.Process) {
	if q := c.peers[p]; q != nil {
		q.heard = c.now.Mono
	}
}

// hears says whether p was heard lately.
func (c *Core) hears(p *peer) bool { return c.now.Mono-p.heard <= c.timeout }

// Suspected says whether p is suspected to have failed: it is not heard, or it
// says that it does not hear this process, which makes it as useless. Of a
// process with which no heartbeats are exchanged nothing is known: false.
func (c *Core) Suspected(p ids.Process) bool {
	q := c.peers[p]
	return q != nil && (q.deaf || !c.hears(q))
}

// Behind says whether p lives, but delivers what this process delivered half a
// failure timeout ago, or less: who has a choice does not rely on it.
func (c *Core) Behind(p ids.Process) bool {
	q := c.peers[p]
	return q != nil && q.behind
}
