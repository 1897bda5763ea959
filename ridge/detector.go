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
	// seldom is the time between two heartbeats to a far peer.
	seldom time.Duration
	// peers by name; order lists them sorted, for everything that iterates.
	peers map[ids.Process]*peer
	order []*peer
	// beatAt is when the next heartbeat is due, beaten when the last went out;
	// beatNow wants one at once, beatSoon so too, but not sooner than a quarter of a
	// period after the last: what heartbeats ask for. Two that overtake each other ask
	// again each time, and would be answered by two.
	beatAt, beaten    time.Duration
	beatNow, beatSoon bool
	// news: the next heartbeat is for far peers, too. crowded: a log is full of
	// what some of them may need. alone: no near peer is of any use.
	news, crowded, alone bool
	// doubts are the mates that the last heartbeats named.
	doubts []ids.Process
}

// peer is another process with which heartbeats are exchanged.
type peer struct {
	process   ids.Process
	partition ids.Partition
	// near: it replicates the same partition; see far.go.
	near bool
	// turn is when it is to have a heartbeat without a reason; owed: the next one is
	// for it, too.
	turn time.Duration
	owed bool
	// often: it has asked for all heartbeats.
	often bool
	// wanted is the last beat at which not all of its heartbeats were wanted.
	wanted time.Duration
	// met: there was a heartbeat from it.
	met bool
	// doubts are the mates that it named in its last heartbeat; doubted: a mate
	// named it.
	doubts  []ids.Process
	doubted bool
	// heard is when it was last heard (Mono).
	heard time.Duration
	// deaf: it said in its last heartbeat that it does not hear us.
	deaf  bool
	clock heardClock
	// behind: by its last report it had not delivered what this process had
	// delivered half a failure timeout before.
	behind bool
	// full: its disk has too little room left.
	full bool
	// burden is what its replica has to remember.
	burden Burden
}

// init finds the peers: all processes with which an ensemble is shared. Two
// learners need one another's signs of life too: what the layer above keeps
// for a replica of another partition is kept until that replica has it or is
// suspected.
func (d *detector) init(cfg *Config, home ids.Partition) {
	d.self, d.timeout, d.every = cfg.Self, cfg.Tuning.FailureTimeout, cfg.Tuning.Heartbeat
	d.seldom, d.news = 2*d.timeout, true
	d.peers = make(map[ids.Process]*peer)
	for _, p := range cfg.Topology.Replicas[home] {
		d.addPeer(p, home, home)
	}
	for i := range cfg.Topology.Ensembles {
		s := &cfg.Topology.Ensembles[i]
		if !s.Partitions.Has(home) {
			continue
		}
		for _, p := range cfg.Topology.learners(s) {
			partition, _ := cfg.Topology.partitionOf(p)
			d.addPeer(p, partition, home)
		}
	}
	slices.SortFunc(d.order, func(a, b *peer) int { return int(a.process) - int(b.process) })
}

func (d *detector) addPeer(p ids.Process, partition, home ids.Partition) {
	if p == d.self || d.peers[p] != nil {
		return
	}
	q := &peer{process: p, partition: partition, near: partition == home}
	d.peers[p] = q
	d.order = append(d.order, q)
}

// start gives every peer a failure timeout to be heard.
func (d *detector) start(now hlc.Now) {
	d.beatAt = now.Mono
	for i, p := range d.order {
		p.heard = now.Mono
		p.turn = now.Mono + time.Duration(i)*d.every%d.seldom
	}
}

// nextBeat is when the next heartbeat is due, if not now.
func (d *detector) nextBeat() time.Duration {
	if d.beatSoon {
		return min(d.beatAt, d.beaten+d.every/4)
	}
	return d.beatAt
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

// pace aligns this process's heartbeats with those of its pacer, after a heartbeat
// from there: the lowest process that it hears of its partition or, for the lowest
// of a partition, of all. Processes that beat together wake one another in one go,
// not once for each peer, which is most of what an idle process costs. Whoever has a
// near pacer leaves it a moment's advance, and so needs no timer.
//
// Invariant: whatever comes, between two heartbeats there are at least half and
// at most one and a half periods, unless beatNow asks for one.
func (c *Core) pace(from *peer) {
	p := c.pacer()
	if p != from {
		return
	}
	if c.now.Mono-c.beaten >= c.every/2 {
		c.beatNow = true
	} else {
		c.beatAt = min(c.now.Mono+c.every+c.advance(p), c.beaten+c.every*3/2)
	}
}

// pacer is the process whose heartbeats this one's follow, or nil.
func (c *Core) pacer() (pacer *peer) {
	for _, p := range c.order {
		if p.process > c.self {
			break
		}
		if c.hears(p) && (pacer == nil || p.near) {
			if pacer = p; p.near {
				break
			}
		}
	}
	return pacer
}

// advance is what a pacer's heartbeats may be late.
func (c *Core) advance(pacer *peer) time.Duration {
	if pacer != nil && pacer.near {
		return c.every / 8
	}
	return 0
}

func (c *Core) heard(p ids.Process) {
	if q := c.peers[p]; q != nil {
		q.owed = q.owed || !c.hears(q)
		q.heard = c.now.Mono
	}
}

// hears says whether p was heard lately.
func (c *Core) hears(p *peer) bool { return c.now.Mono-p.heard <= c.silence(p) }

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
