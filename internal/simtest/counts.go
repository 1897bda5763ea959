package simtest

import (
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// slow notes that a slow path was taken n times more.
func (r *Report) slow(name string, n uint64) { r.Slow[name] += n }

// count fills in what only a checked run knows.
func (r *Report) count(c *cluster, o *Order) {
	r.tally(c.history, o)
	for f, n := range c.nemesis.Done {
		r.Faults[sim.Fault(f).String()] += uint64(n)
	}
	w := &c.world.Counts
	r.Faults["loss"], r.Faults["duplication"], r.Faults["restart"] = w.Lost, w.Duplicated, w.Restarts
	for _, l := range c.history.Logs {
		for i := range l.Entries {
			if v := l.Entries[i].Verdict; v != partition.VerdictAccepted {
				r.slow("verdict "+v.String(), 1)
			}
		}
	}
	for _, s := range c.lives {
		st := s.node.Status()
		r.countReplica(&st.Replica.Counters)
		r.countRidge(&st.Ridge.Counters)
		if st.Optimistic != nil {
			r.countOptimistic(&st.Optimistic.Counters)
		}
		t := &st.Transfer
		r.slow("transfers begun", t.Started)
		r.slow("transfers interrupted", t.Failed)
		r.slow("transfers finished", t.Completed)
		r.slow("chunks damaged or refused", t.Damaged+t.Refused)
	}
	c.countDisks(r)
	for _, u := range c.all {
		r.countClient(u)
	}
	r.slow("digests compared", uint64(c.checks.Digests))
	r.slow("instances compared", uint64(c.checks.Agreed))
	r.Lost = c.lost
	if c.lost {
		r.slow("partitions lost to laggards", 1)
	}
	r.slow("replicas left behind", uint64(c.checks.Lost))
	r.slow("restarts refused", uint64(c.checks.Forgot))
	r.slow("processes replaced", uint64(c.replaced))
}

func (r *Report) countReplica(p *partition.Counters) {
	r.slow("reads", p.Reads)
	r.slow("reads that end in retry", p.ReadsRetried)
	r.slow("reads refused", p.ReadsRefused)
	r.slow("command panics", p.Panics)
	r.slow("operation panics", p.OpPanics)
	r.slow("over budget", p.Budget)
	r.slow("answered again", p.Reanswered)
	r.slow("replies confirmed by digest", p.Confirmations)
	r.slow("retries", p.Retries)
	r.slow("blocked by a conflict", p.Blocked)
	r.slow("overtaken", p.Overtakes)
	r.slow("waits for values", p.Waits)
	r.slow("pulls", p.Pulls)
	r.slow("pulls answered", p.PullsHere)
	r.slow("pulls remembered", p.PullsLater)
	r.slow("pulls gone", p.PullsGone)
	r.slow("values told by name", p.ToldSame)
	r.slow("values told as changes", p.ToldChange)
	r.slow("values recalled", p.Recalled)
	r.slow("values forgotten", p.Forgotten)
	r.slow("early dropped", p.EarlyDrops)
}

func (r *Report) countRidge(g *ridge.Counters) {
	r.slow("questions for positions", g.Questions)
	r.slow("rounds of confirmation", g.Confirms)
	r.slow("rounds", g.Rounds)
	r.slow("phase 2 repeated", g.Repeats)
	r.slow("gap repairs", g.Fetches)
	r.slow("advances", g.Advances)
	r.slow("distributors not chosen for a while", g.Tardy)
	r.slow("proposals refused", g.Refused)
	r.slow("proposals refused by a full table", g.Burdened)
	r.slow("values repeated by a new round", g.Adjudicated)
	r.slow("nulls", g.Nulls)
	r.slow("optimistic deliveries", g.Optimistic)
	r.slow("optimistic deliveries forced", g.Forced)
	r.slow("order mistakes", g.Mistakes)
	r.slow("direct copies dropped", g.CopiesDropped)
	r.slow("direct copies beyond a bound", g.CopiesRefused)
	r.slow("multicast again", g.Again)
	r.slow("opt-delivered and given up", g.GivenUp)
	r.slow("payloads spared", g.PayloadsSpared)
	r.slow("payloads asked for", g.PayloadsAsked)
	r.slow("payloads twice", g.PayloadsTwice)
}

func (r *Report) countOptimistic(n *optimistic.Counters) {
	r.slow("runs", n.Runs)
	r.slow("runs confirmed", n.Confirmed)
	r.slow("runs wrong", n.Wrong)
	r.slow("runs not started", n.Unstarted)
	r.slow("runs given up", n.GivenUp)
	r.slow("runs repeated", n.Repeated)
	r.slow("runs that waited for others", n.Queued)
	r.slow("turns in another order", n.Swapped)
	r.slow("pauses of optimistic execution", n.Pauses)
	r.slow("optimistic exchanges", n.Exchanges)
	r.slow("optimistic exchanges dropped", n.EarlyDrops)
	r.slow("optimistic replies", n.RepliesSent)
	r.slow("optimistic replies wrong", n.ReplyMistakes)
}

func (r *Report) countClient(u *user) {
	st := &u.core.Stats
	r.slow("client resends", st.Resent)
	r.slow("client reads repeated", st.ReadsResent)
	r.slow("client reads ordered", st.ReadsOrdered)
	r.slow("client retries", st.Retried)
	r.slow("client redirected", st.Redirected)
	r.slow("client refused", st.Refused)
	r.slow("client gave up", st.GivenUp)
	r.slow("client optimistic replies", st.OptimisticReplies)
	r.slow("client optimistic replies wrong", st.ReplyMistakes)
	r.slow("client replies joined", st.Joined)
}

// countDisks counts what happened to disks, and what they were good for.
func (c *cluster) countDisks(r *Report) {
	if !c.shape.Disks.Durable {
		return
	}
	r.Durable = true
	for h, n := range c.storm.done {
		r.Faults[havoc(h).String()] += uint64(n)
	}
	for _, s := range c.servers {
		for d := s.disk; d != nil; d = d.ghost {
			t := &d.stats
			r.slow("disk: crashes with unsynced data", t.Unsynced)
			r.slow("disk: batches cut off", t.Torn)
			r.slow("disk: recoveries cut off", t.Cut)
			r.slow("disk: restarts", t.Restarts)
			r.slow("disk: checkpoints restored", t.Restored)
			r.slow("disk: checkpoints damaged", t.Damaged)
			r.slow("disk: records replayed", t.Replayed)
			r.slow("disk: checkpoints", t.Checkpoints)
			r.slow("disk: checkpoints without room", t.Full)
			r.slow("disk: waits of a batch for room", t.Waits)
			r.slow("disk: trims", t.Trims)
			r.slow("disk: errors that end a process", t.Errors)
			r.slow("disk: refused with an explanation", t.Refused)
			r.slow("disk: lies that nothing shows", t.Unnoticed)
		}
	}
	for _, l := range c.history.Logs {
		r.slow("commands resumed", uint64(len(l.Resumed)))
	}
	r.slow("crashes amid a transfer", uint64(c.checks.Amid))
	r.slow("decisions seen durable", uint64(c.checks.Held))
}
