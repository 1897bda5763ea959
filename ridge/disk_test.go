package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// disk is what a process of a durable world keeps: a journal, of which a crash
// loses what is not synced, and two checkpoints.
type disk struct {
	life    uint64
	records []Record // of all lives, with bodies of their own
	durable int      // of records
	base    int      // records of former lives
	syncing bool
	trimmed map[ids.Ensemble]ids.Instance
	// older and newest checkpoint.
	older, newest checkpoint
	saving        bool
	// unfinished: no checkpoint has everything finished.
	unfinished bool
	// said is what this process has claimed.
	said map[ids.Ensemble]*claims
	// members are those that it was told when it was admitted.
	members []Members
	// empty: it waits to be admitted; incomplete: not all ensembles name it yet.
	empty, incomplete bool
	// past is the longest sequence that it has delivered.
	past []Delivery
}

type checkpoint struct {
	p         Positions
	delivered []Delivery
}

type claims struct {
	promised Round
	votes    map[ids.Instance]vote
}

// durable makes a world, before it runs, one of processes that remember.
func (w *world) durable() {
	w.syncMin, w.syncMax = 50*time.Microsecond, 2*time.Millisecond
	for _, n := range w.nodes {
		n.disk = &disk{trimmed: map[ids.Ensemble]ids.Instance{}, said: map[ids.Ensemble]*claims{}}
		n.boot(false)
		w.after(time.Duration(w.rng.Int64N(int64(100*time.Millisecond))), n.checkpoints)
	}
	w.onSend = w.claim
}

// boot starts the core of a process from its disk. damaged: the newest checkpoint
// is; that of a fragile process perhaps the older one, too.
func (n *node) boot(damaged bool) {
	w, d := n.w, n.disk
	d.life++
	d.base, d.durable, d.syncing, d.saving = len(d.records), len(d.records), false, false
	n.core = New(Config{
		Self: n.id, Incarnation: n.inc, Founded: w.originally, Life: w.rng.Uint64(), Topology: w.topo, Tuning: w.tuning, Random: w.rng.Uint64,
		Durable: true, Recovered: d.live(),
	})
	switch {
	case damaged && n.fragile && w.rng.IntN(2) == 0:
		d.newest, d.older = checkpoint{}, checkpoint{}
	case damaged:
		d.newest = d.older
	}
	n.core.Adopt(d.members)
	n.delivered = append([]Delivery(nil), d.newest.delivered...)
	n.core.Jump(d.newest.p)
	n.core.Stable(d.older.p)
	n.core.Whole(d.older.p)
	n.opt, n.accepted, n.order = map[copyID]int{}, map[copyID]bool{}, nil
	n.promised = map[ids.Ensemble]Round{}
	n.wakeAt = never
	for _, e := range n.core.ensembles {
		n.checked[e.id] = e.next - 1
		n.keeps(e)
	}
}

// live is what a journal hands back: of each instance the last record, without
// what is trimmed.
func (d *disk) live() (rs []Record) {
	last := map[place]int{}
	for i, r := range d.records {
		last[place{r.Ensemble, r.Instance}] = i
	}
	for i, r := range d.records {
		if last[place{r.Ensemble, r.Instance}] == i && (r.Instance == 0 || r.Instance > d.trimmed[r.Ensemble]) {
			rs = append(rs, r)
		}
	}
	return rs
}

// keeps checks that what the process has claimed is still so.
func (n *node) keeps(e *ensemble) {
	c := n.disk.said[e.id]
	if c == nil {
		return
	}
	if e.promised.Less(c.promised) {
		n.w.errorf("process %d ensemble %d promised %v and remembers %v", n.id, e.id, c.promised, e.promised)
	}
	for k, v := range c.votes {
		s := e.log.at(k)
		switch {
		case k <= e.log.base:
			delete(c.votes, k)
		case s != nil && s.decided: // it knows more than its vote
		case s == nil || s.value == nil || s.round.Less(v.Round) || s.round == v.Round && s.value.ID != v.Value.ID:
			n.w.errorf("process %d ensemble %d has forgotten its vote for %d in %v", n.id, e.id, k, v.Round)
		}
	}
}

// claim notes what a message claims of its sender's promises and votes.
func (w *world) claim(from ids.Process, s Send) {
	about, ok := addressee(s.Msg)
	if !ok {
		return
	}
	d := w.node(from).disk
	c := d.said[about]
	if c == nil {
		c = &claims{votes: map[ids.Instance]vote{}}
		d.said[about] = c
	}
	cast := func(k ids.Instance, r Round, id ValueID) {
		if old, ok := c.votes[k]; !ok || old.Round.Less(r) {
			c.votes[k] = vote{Round: r, Value: &Value{ID: id}}
		}
	}
	switch m := s.Msg.(type) {
	case *promise:
		if c.promised.Less(m.Round) {
			c.promised = m.Round
		}
		for _, v := range m.Votes {
			if !v.Decided {
				cast(v.Instance, v.Round, v.Value.ID)
			}
		}
	case *learn:
		for _, v := range m.Votes {
			if !v.Decided {
				cast(v.Instance, v.Round, v.Value.ID)
			}
		}
	case *voted:
		for _, v := range m.Votes {
			cast(v.Instance, m.Round, v.ID)
		}
	case *accept:
		for _, p := range m.Voters {
			if p == from {
				cast(m.Instance, m.Round, m.Value.ID)
			}
		}
	}
}

// journal takes what the core has to journal, and syncs after a while.
func (n *node) journal() {
	w, d := n.w, n.disk
	for _, r := range n.core.Records() {
		b := append([]byte(nil), Record{Body: append(r.Body[:len(r.Body):len(r.Body)], nil)}.Bytes()...)
		d.records = append(d.records, Record{r.Ensemble, r.Instance, [][]byte{b}})
	}
	for _, t := range n.core.Forgotten() {
		d.trimmed[t.Ensemble] = max(d.trimmed[t.Ensemble], t.UpTo)
	}
	if d.syncing || d.durable == len(d.records) {
		return
	}
	d.syncing = true
	life, upTo := d.life, len(d.records)
	took := w.syncMin + time.Duration(w.rng.Int64N(int64(w.syncMax-w.syncMin)+1))
	if w.rng.IntN(50) == 0 {
		took *= 20
	}
	w.after(took, func() { n.synced(life, upTo) })
}

func (n *node) synced(life uint64, upTo int) {
	d := n.disk
	if n.dead || d.life != life {
		return
	}
	if n.asleep() {
		n.w.after(n.until-n.w.now, func() { n.synced(life, upTo) })
		return
	}
	d.syncing, d.durable = false, upTo
	n.core.Durable(n.clock(), uint64(upTo-d.base))
	n.flush()
}

// checkpoints takes one now and then.
func (n *node) checkpoints() {
	w, d := n.w, n.disk
	w.after(20*time.Millisecond+time.Duration(w.rng.Int64N(int64(300*time.Millisecond))), n.checkpoints)
	if w.manual || n.asleep() || n.err != nil || d.saving || len(n.core.Lost()) > 0 {
		return
	}
	d.saving = true
	life, c := d.life, checkpoint{n.core.Positions(), n.delivered[:len(n.delivered):len(n.delivered)]}
	w.after(time.Duration(w.rng.Int64N(int64(30*time.Millisecond))), func() {
		if !n.dead && d.life == life {
			n.saved(c)
		}
	})
}

// saved makes c the newest checkpoint.
func (n *node) saved(c checkpoint) {
	n.disk.saving = false
	n.disk.older, n.disk.newest = n.disk.newest, c
	n.core.Stable(n.disk.older.p)
	if !n.disk.unfinished {
		n.core.Whole(n.disk.older.p)
	}
	if !n.asleep() {
		n.flush()
	}
}

// transfer takes the state of another replica, if one is further.
func (n *node) transfer() {
	for _, p := range n.w.topo.Replicas[n.part] {
		m := n.w.node(p)
		if m == n || m.dead || len(m.core.Lost()) > 0 || m.core.merged.Less(n.core.merged) || !m.beyond(n.core.Lost()) {
			continue
		}
		n.w.transfers++
		n.delivered = append([]Delivery(nil), m.delivered...)
		n.core.Jump(m.core.Positions())
		for _, e := range n.core.ensembles {
			n.checked[e.id] = e.next - 1
		}
		return
	}
}

// beyond says whether a node's merge stands where what is lost ends, or further.
func (n *node) beyond(lost []At) bool {
	for _, at := range lost {
		if n.core.ensemble(at.Ensemble, true).next < at.Instance {
			return false
		}
	}
	return true
}

// crash ends a process. Of what was not synced a part may have reached the disk.
func (n *node) crash() {
	d := n.disk
	if n.dead {
		return
	}
	n.dead = true
	n.w.crashes++
	d.records = d.records[:d.durable+n.w.rng.IntN(len(d.records)-d.durable+1)]
	if len(n.delivered) > len(d.past) {
		d.past = n.delivered
	}
}

// restart starts a process again.
func (n *node) restart() {
	if !n.dead || n.disk.empty {
		return
	}
	n.dead = false
	n.boot(n.w.rng.IntN(5) == 0)
	n.tick()
}

// checkPast demands that what was delivered before a crash was delivered again.
func (w *world) checkPast() {
	for _, n := range w.nodes {
		for i, d := range n.disk.past {
			if i >= len(n.delivered) || n.delivered[i].Position != d.Position || idOf(n.delivered[i].Message) != idOf(d.Message) {
				w.errorf("process %d had delivered %v at %v", n.id, d.Message.Command, d.Position)
				return
			}
		}
	}
}
