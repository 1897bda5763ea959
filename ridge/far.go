package ridge

import (
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Near peers replicate the same partition, as all acceptors of an ensemble do:
// whoever elects, votes, takes the median of clocks or speaks for its partition
// depends upon near peers, and they get every heartbeat. What processes of
// different partitions need to know of each other is rare, or can wait: how far
// learners of an ensemble of several partitions are, whose log holds it meanwhile (tell says
// what is much); a last decision that got lost; who coordinates, whose disk is full. So
// far peers get a heartbeat once in two failure timeouts, one after the other,
// and all of them with the next beat if there is news. Between n processes all
// heartbeats would be n(n-1) each time, and most of what they cost.
//
// Far peers are no later to find out that a process is dead, or behind: its mates do, and
// name it in their heartbeats (Doubts), which is news. Whoever is told so asks
// it for all its heartbeats (Often), and gives it the time that near peers have.
// If it was only cut off from its mates, it is heard a moment later.

// silence is how long p may be silent.
func (c *Core) silence(p *peer) time.Duration {
	if p.near || p.doubted || c.now.Mono-p.wanted > c.timeout/2 {
		return c.timeout
	}
	return c.seldom + c.timeout
}

// due says whether a far peer is to have this heartbeat. Its turn stays as it is,
// whatever it has besides: turns are spread, and all in one beat would be a burst.
func (c *Core) due(p *peer) bool {
	turn := c.now.Mono+c.every/2 >= p.turn
	if turn {
		if p.turn += c.seldom; p.turn <= c.now.Mono {
			p.turn = c.now.Mono + c.seldom
		}
	}
	return turn || c.news || p.owed || p.often || c.wantsOften(p)
}

// wantsOften says whether all heartbeats of a far peer are wanted: it is about to come
// or to go, or this process is, from which its mates are cut off; or what others
// have delivered makes room here.
func (c *Core) wantsOften(p *peer) bool {
	return !p.near && (p.doubted || !p.met || c.crowded || c.alone || c.Suspected(p.process))
}

// crowdedFill is how full a log is whose learners are wanted to tell all heartbeats
// what they have delivered: in half of it, all are waited for.
const crowdedFill = 0.5

// lookAtFar finds out, before a beat, what is news.
func (c *Core) lookAtFar() {
	var doubts []ids.Process
	mates := 0
	for _, p := range c.order {
		if !p.near || !p.met || len(doubts) == MaxAcceptors {
			continue
		}
		mates++
		if p.behind || c.Suspected(p.process) {
			doubts = append(doubts, p.process)
		} else if silent := p.heard + c.timeout + 1; silent > c.now.Mono {
			c.beatAt = min(c.beatAt, silent) // others are to know at once
		}
	}
	c.alone = mates > 0 && len(doubts) == mates
	if !slices.Equal(doubts, c.doubts) {
		c.doubts, c.news = doubts, true
	}
	for _, p := range c.order {
		if !c.wantsOften(p) {
			p.wanted = c.now.Mono
		}
	}
	c.crowded = false
	for _, e := range c.ensembles {
		if len(e.spec.Partitions) == 1 {
			continue
		}
		if e.lead.phase == leading {
			e.quiet.look(c, e.next-1)
		}
		c.crowded = c.crowded || e.self >= 0 && e.fill() >= crowdedFill
	}
}

// asked takes what a heartbeat says for its receiver's heartbeats.
func (c *Core) asked(p *peer, m *heartbeat) {
	p.met = true
	p.owed = p.owed || !m.Hears
	if m.Often && !p.often {
		p.owed, c.beatSoon = true, true
	}
	p.often = m.Often
	if !p.near && !slices.Equal(p.doubts, m.Doubts) {
		p.doubts = m.Doubts
		c.doubt(p.partition)
	}
}

// doubt finds out who of a partition's replicas is doubted by another.
func (c *Core) doubt(partition ids.Partition) {
	for _, p := range c.order {
		if p.partition != partition {
			continue
		}
		was := p.doubted
		p.doubted = slices.ContainsFunc(c.order, func(q *peer) bool {
			return q != p && q.partition == partition && slices.Contains(q.doubts, p.process)
		})
		if p.doubted && !was {
			p.owed, c.beatSoon = true, true
		}
	}
}

// quiet is a coordinator's: decided is what it knew to be decided at the last
// beat, which has been so for some beats, and told what it has told all.
type quiet struct {
	decided, told ids.Instance
	beats         int
}

// quietBeats: an ensemble that has decided nothing for so many beats is quiet.
// Who has missed the last decision has nothing else to learn of it by.
const quietBeats = 2

func (q *quiet) look(c *Core, decided ids.Instance) {
	if decided != q.decided {
		q.decided, q.beats = decided, 0
	} else if q.beats++; q.beats == quietBeats && q.told != decided {
		q.told, c.news = decided, true
	}
}
