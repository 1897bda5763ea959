package partition

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

var (
	seeds = flag.Int("seeds", 150, "random worlds to run")
	first = flag.Uint64("seed", 1, "the first of them")
)

// caller is a correct client with any clock: it makes the deliveries of the
// merged order, resends, retries and moves its low mark as page 3 says.
type caller struct {
	id    ids.Client
	skew  time.Duration
	next  ids.Sequence
	open  []*call
	guard hlc.Timestamp
	sent  []Delivery // for byte-identical copies
	lost  []Delivery // given up, a copy still under way
}

type call struct {
	seq  ids.Sequence
	t0   hlc.Timestamp
	last Delivery
	done bool
}

func (c *caller) mark() ids.Sequence {
	if len(c.open) == 0 {
		return c.next
	}
	return c.open[0].seq
}

// orderGen makes a merged order.
type orderGen struct {
	w       *world
	rng     *rand.Rand
	progs   *programs
	gen     progGen
	callers []*caller
	now     hlc.Timestamp
	n       int // partitions
}

func (g *orderGen) step() {
	g.now += hlc.Timestamp(1 + g.rng.IntN(80))
	c := g.callers[g.rng.IntN(len(g.callers))]
	g.learn(c)
	switch x := g.rng.IntN(10); {
	case x < 3 && len(c.lost) > 0:
		g.place(c.lost[0])
		c.lost = c.lost[1:]
	case x < 2 && len(c.sent) > 0:
		g.place(c.sent[len(c.sent)-1-g.rng.IntN(min(6, len(c.sent)))]) // a copy
	case x < 4 && len(c.open) > 0 || len(c.open) == 5:
		g.again(c, c.open[g.rng.IntN(len(c.open))])
	case len(c.open) < 5:
		g.fresh(c)
	}
}

// learn closes what the client may know by now.
func (g *orderGen) learn(c *caller) {
	local := g.now.Add(c.skew)
	for _, k := range c.open {
		e := g.w.model.ends[Tag{k.last.Position, k.last.Command, k.last.Attempt}]
		switch {
		case e != nil && e.reply.Outcome.Final() && g.rng.IntN(2) == 0:
			k.done = true
		case local > k.t0.Add(g.w.tuning.Horizon):
			k.done, k.last.Position = true, ids.Position{} // given up
			c.lost = append(c.lost, k.last)
			c.guard = max(c.guard, k.t0.Add(g.w.tuning.Horizon))
		}
	}
	for len(c.open) > 0 && c.open[0].done {
		c.open = c.open[1:]
	}
}

func (g *orderGen) fresh(c *caller) {
	k := &call{seq: c.next, t0: g.now.Add(c.skew) - hlc.Timestamp(g.rng.IntN(100))}
	c.next++
	c.open = append(c.open, k)
	p := g.gen.program()
	q := Request{MapVersion: 3, Arg: g.progs.add(p)}
	switch g.rng.IntN(50) {
	case 0:
		q.MapVersion = 2
	case 1:
		q.Command = 7
	}
	d := Delivery{
		Command: ids.Command{Client: c.id, Sequence: k.seq}, Attempt: 1, T0: k.t0,
		Mark: c.mark(), Guard: c.guard, Body: q.Append(nil), Dests: g.dests(p),
	}
	if g.rng.IntN(100) == 0 {
		d.Body = nil
	}
	k.last = d
	c.sent = append(c.sent, d)
	if g.rng.IntN(8) > 0 { // else lost
		k.last.Position = g.place(d)
	}
}

// dests are those of the access, or more, or fewer.
func (g *orderGen) dests(p *program) ids.Set {
	dests := ids.Set{ids.Partition(g.rng.IntN(g.n))}
	if !p.wild && !p.bad && len(p.items) > 0 {
		dests = nil
		for i := range p.items {
			it := &p.items[i]
			owners, one := ids.Set(nil), true
			if it.Range != nil {
				owners, one = g.w.place.RangeOwners(*it.Range)
			} else {
				owners = g.w.place.Owners(it.Key)
			}
			if one && !it.Write {
				owners = owners[g.rng.IntN(len(owners)):][:1]
			}
			dests = dests.Union(owners)
		}
	}
	if g.rng.IntN(4) == 0 {
		dests = dests.Union(ids.Set{ids.Partition(g.rng.IntN(g.n))})
	}
	if len(dests) > 1 && g.rng.IntN(12) == 0 {
		i := g.rng.IntN(len(dests))
		dests = append(slices.Clone(dests[:i]), dests[i+1:]...)
	}
	return dests
}

// again: a resend, or a new attempt if the last ended in retry.
func (g *orderGen) again(c *caller, k *call) {
	e := g.w.model.ends[Tag{k.last.Position, k.last.Command, k.last.Attempt}]
	if e != nil && e.reply.Outcome == OutcomeRetry {
		d := k.last
		d.Attempt++
		d.Dests = e.reply.Needed
		if d.Attempt > 3 {
			d.Dests = ids.Range(g.n)
		}
		d.Mark, d.Guard = c.mark(), c.guard
		q, _ := DecodeRequest(d.Body)
		q.MapVersion = e.reply.MapVersion
		d.Body = q.Append(nil)
		k.last = d
		c.sent = append(c.sent, d)
	}
	p := g.place(k.last)
	if g.w.model.ends[Tag{p, k.last.Command, k.last.Attempt}] != nil {
		k.last.Position = p
	}
}

// place gives a message its position.
func (g *orderGen) place(d Delivery) ids.Position {
	g.now++
	d.Position = ids.Position{T: g.now, E: ids.All}
	if len(d.Dests) == 1 {
		d.Position.E = ids.Ensemble(d.Dests[0])
	}
	d.Proposed = g.now - 5
	if g.rng.IntN(2) == 0 {
		d.Nearest = g.w.nodes[g.rng.IntN(len(g.w.nodes))].id
	}
	g.w.add(d)
	return d.Position
}

// randomWorld draws a world and its merged order; which faults it has at all
// is drawn first.
func randomWorld(t testing.TB, seed uint64, tweak ...func(*Config)) *world {
	rng := rand.New(rand.NewPCG(seed, 2))
	tuning := testTuning()
	tuning.Sequential = rng.IntN(8) == 0
	if rng.IntN(3) == 0 {
		tuning.MaxUnfinished = 1 + rng.IntN(6)
	}
	if rng.IntN(3) == 0 {
		tuning.MaxOutbox = 1 + rng.IntN(8)
	}
	if rng.IntN(3) == 0 {
		tuning.MaxEarly = 1 + rng.IntN(4)
	}
	if rng.IntN(3) == 0 {
		tuning.MaxEarlyBytes = 1 + rng.IntN(500)
	}
	if rng.IntN(3) == 0 {
		tuning.MaxQuestions = 1 + rng.IntN(3)
	}
	switch rng.IntN(4) {
	case 0:
		tuning.MaxCached = 0
	case 1:
		tuning.MaxCached = 1 + rng.IntN(8)
	case 2:
		tuning.MaxCachedBytes = 500 + rng.IntN(5000)
	}
	progs := &programs{}
	partitions, replicas := 1+rng.IntN(4), 1+rng.IntN(3)
	w := newWorld(t, seed, partitions, replicas, testService(progs), tuning, tweak...)
	if rng.IntN(2) == 0 {
		w.drop = rng.Float64() * 0.4
	}
	if rng.IntN(2) == 0 {
		w.repeat = rng.Float64() * 0.3
	}
	w.slow = []time.Duration{20 * time.Microsecond, time.Millisecond, 5 * time.Millisecond}[rng.IntN(3)]
	w.lag = []time.Duration{20 * time.Microsecond, time.Millisecond}[rng.IntN(2)]
	w.faultsUntil = 200 * time.Millisecond
	g := &orderGen{w: w, rng: rng, progs: progs, gen: progGen{rng: rng, keys: 2 + rng.IntN(6)}, now: 1e9, n: partitions}
	g.gen.few = rng.IntN(2) == 0
	if g.gen.few {
		w.few = true
		w.loseCaches(rng)
	}
	for i := range 1 + rng.IntN(4) {
		c := &caller{id: clientName(i), next: 1}
		switch rng.IntN(5) {
		case 4:
			c.skew = time.Duration(rng.Int64N(int64(tuning.Horizon)))
		case 0:
			c.skew = time.Duration(rng.Int64N(int64(2*tuning.Window))) - tuning.Window
		case 1:
			c.skew = time.Duration(rng.Int64N(int64(3*tuning.Horizon))) - 3*tuning.Horizon/2
		}
		g.callers = append(g.callers, c)
	}
	steps := 20 + rng.IntN(150)
	if g.gen.few {
		steps *= 2
	}
	for range steps {
		g.step()
	}
	// In each partition of three at most one replica crashes, is suspected
	// wrongly, or both.
	faulty, wrong := rng.IntN(2) == 0, rng.IntN(3) == 0
	for p := range partitions {
		weak := w.nodes[replicas*p+rng.IntN(replicas)]
		if faulty && replicas == 3 && rng.IntN(2) == 0 {
			w.at(time.Duration(rng.Int64N(int64(60*time.Millisecond))), func() { w.crash(weak) })
		}
		for range 4 {
			if n := w.nodes[rng.IntN(len(w.nodes))]; wrong {
				from := time.Duration(rng.Int64N(int64(60 * time.Millisecond)))
				w.at(from, func() { n.fooled[weak.id], weak.doubted = true, true })
				w.at(from+time.Duration(rng.Int64N(int64(100*time.Millisecond))), func() { n.fooled[weak.id] = false })
			}
		}
	}
	return w
}

// TestRandom compares random programs on random worlds with the model.
func TestRandom(t *testing.T) {
	var sum Counters
	commands := 0
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		w := randomWorld(t, seed)
		w.run(10 * time.Minute)
		w.finish()
		commands += len(w.model.ends)
		for _, n := range w.nodes {
			sum = addCounters(sum, n.r.Status().Counters)
			n.r.Close()
		}
	}
	t.Logf("%d commands, %d updates passed over: %+v", commands, passed, sum)
	if *seeds < 100 {
		return
	}
	for name, v := range map[string]uint64{
		"stale": sum.Stale, "duplicates": sum.Duplicates, "late": sum.Late, "refused": sum.Refused,
		"reanswered": sum.Reanswered, "retries": sum.Retries, "panics": sum.Panics,
		"operation panics": sum.OpPanics, "budget": sum.Budget, "blocked": sum.Blocked,
		"overtakes": sum.Overtakes, "waits": sum.Waits, "pulls": sum.Pulls, "pulls here": sum.PullsHere,
		"told by name": sum.ToldSame, "told as changes": sum.ToldChange, "recalled": sum.Recalled, "forgotten": sum.Forgotten,
		"pulls later": sum.PullsLater, "early drops": sum.EarlyDrops, "ignored": sum.Ignored,
		"passed": uint64(passed),
	} {
		if v == 0 {
			t.Errorf("vacuous: no %s in %d worlds", name, *seeds)
		}
	}
}

func addCounters(a, b Counters) Counters {
	a.Delivered += b.Delivered
	a.Finished += b.Finished
	a.Accepted += b.Accepted
	a.Stale += b.Stale
	a.Duplicates += b.Duplicates
	a.Late += b.Late
	a.Refused += b.Refused
	a.Reanswered += b.Reanswered
	a.Retries += b.Retries
	a.Panics += b.Panics
	a.OpPanics += b.OpPanics
	a.Budget += b.Budget
	a.Blocked += b.Blocked
	a.Overtakes += b.Overtakes
	a.Waits += b.Waits
	a.Pulls += b.Pulls
	a.PullsHere += b.PullsHere
	a.PullsLater += b.PullsLater
	a.PullsGone += b.PullsGone
	a.ToldSame += b.ToldSame
	a.ToldChange += b.ToldChange
	a.Recalled += b.Recalled
	a.Forgotten += b.Forgotten
	a.EarlyDrops += b.EarlyDrops
	a.Ignored += b.Ignored
	a.Invalid += b.Invalid
	return a
}
