package client

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// start stamps a command and multicasts its first copy. It needs the
// service's time, so it waits for the first Welcome.
func (c *Core) start(call *call) {
	call.message().T0 = c.time.stamp(c.now, c.cfg.Tuning.Ahead)
	c.multicast(call)
}

// multicast sends the first copy of an attempt, whose header is fixed now:
// later copies are byte-identical.
func (c *Core) multicast(call *call) {
	m := call.message()
	m.Mark, m.Guard = c.calls.mark, c.guard
	if c.toHeralds() {
		call.copy.proposal.InitAlone(c.cfg.Topology, m)
	} else {
		call.copy.proposal.Init(c.cfg.Topology, m, c.casts())
	}
	e := call.copy.proposal.Ensemble()
	call.copies, call.loose, call.first, call.pause = 0, 0, c.now.Mono, c.firstPause(call)
	call.target = c.routes.live(e, c.routes.coordinator(e))
	c.send(call)
}

// send sends one copy to the call's target and sets the timer of the next. The
// first copy may go straight to the destinations too; later ones need not,
// since who lacks it gets it with its value.
func (c *Core) send(call *call) {
	p := c.target(call)
	if call.copies == 0 {
		if c.toHeralds() {
			c.copies = call.copy.proposal.SendsTo(c.copies[:0], p, c.heralds(call.message().Dests))
		} else {
			c.copies = call.copy.proposal.Sends(c.copies[:0], c.cfg.Topology, p)
		}
		for _, s := range c.copies {
			c.sends = append(c.sends, Send{To: s.To, Msg: s.Msg})
		}
		call.loose += len(c.copies)
	} else {
		c.sends = append(c.sends, Send{ids.To(p), call.copy.proposal.Propose()})
		call.loose++
	}
	call.copies++
	c.Stats.Sent++
	jitter := time.Duration(c.cfg.Random() % uint64(call.pause/4+1))
	call.resend = c.now.Mono + call.pause + jitter
	c.dueAt(call.resend)
}

// heralds are, of each destination, the replica that is to execute a command
// before its turn, and to tell of it: the supposed coordinator of the partition's
// own ensemble. It knows first what else there is and, for a command of one
// partition, it is the one that the command goes to in any case. Valid until the
// next call.
func (c *Core) heralds(dests ids.Set) []ids.Process {
	c.room = c.room[:0]
	for _, d := range dests {
		e := ids.Ensemble(d)
		c.room = append(c.room, c.routes.acceptor(e, c.routes.live(e, c.routes.coordinator(e))))
	}
	return c.room
}

// target is the process that the call's last copy went to.
func (c *Core) target(call *call) ids.Process {
	return c.routes.acceptor(call.copy.proposal.Ensemble(), call.target)
}

// casts says whether what is multicast also goes straight to replicas, toHeralds
// whether to one of each destination alone.
func (c *Core) casts() bool     { return c.cfg.Tuning.Cast && !c.plain }
func (c *Core) toHeralds() bool { return c.casts() && !c.cfg.Tuning.CastAll }

// resendNext sends another copy to the next acceptor that can be reached, or to the
// same if it has refused all before: it is there, and coordinates.
func (c *Core) resendNext(call *call) {
	c.Stats.Resent++
	next := call.target
	if call.loose > 0 {
		next++
	}
	call.target = c.routes.live(call.copy.proposal.Ensemble(), next)
	c.send(call)
}

// dueAt has all open calls looked at when t has come, or a little later: one
// look serves all whose time is near, so that however many wait, each is
// looked at a few times in each pause and no more.
func (c *Core) dueAt(t time.Duration) {
	c.due = min(c.due, max(t, c.looked+c.cfg.Tuning.Resend/lookShare))
}

// lookShare is the least time between looks, as a share of Tuning.Resend.
const lookShare = 32
