package ridge

import (
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// desk is a rig of a durable process. Its records are durable when sync says so.
type desk struct {
	rig
	w       *world
	self    ids.Process
	records []Record // of all lives
	base    int      // of former lives
	synced  int
	life    uint64
	came    ids.Sequence // of the last message that came
}

// newDesk makes process self of one partition.
func newDesk(t *testing.T, self ids.Process, replicas int) *desk {
	d := &desk{rig: rig{t: t, now: hlc.Now{Mono: time.Second, Wall: epoch}}, w: newWorld(t, 1, 1, replicas, nil), self: self}
	d.boot()
	return d
}

func (d *desk) boot() {
	d.life++
	d.base = len(d.records)
	d.synced = d.base
	d.core = New(Config{
		Self: d.self, Life: 1000*d.life + uint64(d.self), Topology: d.w.topo, Tuning: d.w.tuning, Random: d.w.rng.Uint64,
		Durable: true, Recovered: d.records,
	})
	d.e = d.core.home
	d.core.Tick(d.now)
	d.take()
}

// take drains what the core gives.
func (d *desk) take() {
	d.drain()
	for _, r := range d.core.Records() {
		d.records = append(d.records, Record{r.Ensemble, r.Instance, [][]byte{slices.Clone(r.Bytes())}})
	}
}

func (d *desk) step(from ids.Process, m wire.Message) {
	d.core.Step(d.now, ids.To(from), m)
	d.take()
}

// sync makes durable what there is.
func (d *desk) sync() {
	d.take()
	before := d.sent
	d.synced = len(d.records)
	d.core.Durable(d.now, uint64(d.synced-d.base))
	d.take()
	d.sent = append(before, d.sent...)
}

// crash loses what is not durable, and starts again.
func (d *desk) crash() {
	d.records = d.records[:d.synced]
	d.boot()
}

// ballots are those of the voted messages just sent to process to.
func (d *desk) ballots(to ids.Process) (bs []ballot) {
	for _, s := range d.sent {
		if m, ok := s.Msg.(*voted); ok && s.To == ids.To(to) {
			bs = append(bs, m.Votes...)
		}
	}
	return bs
}

// R1: nothing that claims a vote or a promise leaves before it is durable; the
// value does.
func TestR1NothingIsClaimedBeforeItIsDurable(t *testing.T) {
	d := newDesk(t, 2, 5)
	v := val(1, 1, msg(1, epoch))
	d.step(1, &accept{Round: round(5, 1), Instance: 1, Chain: []ids.Process{1, 2, 3}, Voters: []ids.Process{1}, Value: v})
	if next := only[*accept](&d.rig); len(next) != 1 || !slices.Equal(next[0].Voters, []ids.Process{1}) || len(d.ballots(3)) > 0 {
		t.Fatalf("passed on %+v, said %v", next, d.ballots(3))
	}
	d.step(4, &fetch{From: 1, To: 9})
	if ls := only[*learn](&d.rig); len(ls) > 0 && len(ls[0].Votes) > 0 {
		t.Fatalf("told %+v", ls[0].Votes)
	}
	d.sync()
	if bs := d.ballots(3); len(bs) != 1 || bs[0] != (ballot{1, v.ID}) {
		t.Fatalf("voted %v", bs)
	}
	d.step(4, &fetch{From: 1, To: 9})
	if ls := only[*learn](&d.rig); len(ls) != 1 || len(ls[0].Votes) != 1 {
		t.Fatalf("told %+v", ls)
	}
	d.step(3, &prepare{Round: round(6, 3), Chain: []ids.Process{3, 4, 5}, From: 1})
	if ps := only[*promise](&d.rig); len(ps) > 0 {
		t.Fatal("promised before it was durable")
	}
	d.sync()
	if ps := only[*promise](&d.rig); len(ps) != 1 || len(ps[0].Votes) != 1 {
		t.Fatalf("promised %+v", ps)
	}
}

// R1: an answer to Phase 1 has the votes that are not durable yet, and waits for
// them; such a vote is then never sent.
func TestR1AnswersHaveHeldVotes(t *testing.T) {
	d := newDesk(t, 2, 5)
	v := val(1, 1, msg(1, epoch))
	d.step(1, &accept{Round: round(5, 1), Instance: 1, Chain: []ids.Process{1, 2, 3}, Voters: []ids.Process{1}, Value: v})
	n := len(d.records)
	d.step(4, &prepare{Round: round(6, 4), Chain: []ids.Process{4, 5, 1}, From: 1})
	d.core.Durable(d.now, uint64(n)) // the vote, and not the promise
	d.take()
	if len(d.sent) > 0 {
		t.Fatalf("sent %+v", d.sent)
	}
	d.sync()
	if ps := only[*promise](&d.rig); len(ps) != 1 || len(ps[0].Votes) != 1 || ps[0].Votes[0].Value.ID != v.ID {
		t.Fatalf("promised %+v", ps)
	}
	if bs := d.ballots(3); len(bs) > 0 {
		t.Fatal("a vote overtaken by a promise was sent")
	}
	d.step(4, &prepare{Round: round(7, 4), Chain: []ids.Process{4, 5, 1}, From: 1})
	d.step(5, &prepare{Round: round(8, 5), Chain: []ids.Process{5, 1, 4}, From: 1})
	d.sync()
	if ps, fs := only[*promise](&d.rig), only[*refuse](&d.rig); len(ps) != 1 || ps[0].Round != round(8, 5) || len(fs) != 1 || fs[0].Promised != round(8, 5) {
		t.Fatalf("promised %+v, refused %+v", ps, fs)
	}
}

// R1: a coordinator asks at once, and counts its own promise when it is durable.
func TestR1OwnPromiseCountsWhenDurable(t *testing.T) {
	d := newDesk(t, 1, 3)
	if ps := only[*prepare](&d.rig); len(ps) != 2 {
		t.Fatalf("asked %d acceptors", len(ps))
	}
	d.step(2, &promise{Round: d.e.lead.round, From: 1, Wall: d.now.Wall})
	if d.e.lead.phase != preparing {
		t.Fatal("leads by one durable promise")
	}
	d.sync()
	if d.e.lead.phase != leading {
		t.Fatal("does not lead")
	}
	d.core.Step(d.now, ids.ToClient(ids.Client{9}), &Propose{Message: msg(1, d.now.Wall)})
	d.take()
	as := only[*accept](&d.rig)
	if len(as) != 1 || len(as[0].Voters) > 0 {
		t.Fatalf("proposed %+v", as)
	}
	d.sync()
	if bs := d.ballots(2); len(bs) != 1 || bs[0].ID != as[0].Value.ID {
		t.Errorf("voted %v", bs)
	}
}

// trio are three durable processes whose every message and sync a test orders.
type trio struct {
	desks [3]*desk
	wires map[[2]ids.Process][]wire.Message
	made  map[ValueID]bool // what anybody learned to be decided in instance 1
}

func newTrio(t *testing.T) *trio {
	x := &trio{wires: map[[2]ids.Process][]wire.Message{}, made: map[ValueID]bool{}}
	for i := range x.desks {
		d := newDesk(t, ids.Process(i+1), 3)
		d.core.cfg.Learned = func(_ ids.Ensemble, k ids.Instance, id ValueID) {
			if k == 1 {
				x.made[id] = true
			}
		}
		x.desks[i] = d
		x.collect(d)
	}
	return x
}

func (x *trio) collect(d *desk) {
	for _, s := range d.sent {
		if _, beats := s.Msg.(*heartbeat); !beats && s.To.Process != 0 {
			x.wires[[2]ids.Process{d.self, s.To.Process}] = append(x.wires[[2]ids.Process{d.self, s.To.Process}], s.Msg)
		}
	}
	d.sent = nil
}

func (x *trio) sync(p ids.Process) {
	x.desks[p-1].sync()
	x.collect(x.desks[p-1])
}

// carry delivers what is under way from p to q.
func (x *trio) carry(p, q ids.Process) {
	ms := x.wires[[2]ids.Process{p, q}]
	x.wires[[2]ids.Process{p, q}] = nil
	for _, m := range ms {
		x.desks[q-1].step(p, m)
		x.collect(x.desks[q-1])
	}
}

func (x *trio) rest() {
	for range 20 {
		for p := range ids.Process(3) {
			for q := range ids.Process(3) {
				x.carry(p+1, q+1)
			}
			x.sync(p + 1)
		}
	}
}

func (x *trio) propose(p ids.Process, seq int) {
	d := x.desks[p-1]
	d.core.Step(d.now, ids.ToClient(ids.Client{9}), &Propose{Message: msg(seq, d.now.Wall)})
	d.take()
	x.collect(d)
}

// R1, the attack's schedule in all its orders: 1 leads with the chain 1, 2 and
// votes; 3 starts a higher round, is heard by 1 alone, and has another message.
// Whichever of syncs and messages comes first, one value is decided.
func TestR1AllOrders(t *testing.T) {
	count := 0
	var orders func(done []int, left []int)
	orders = func(done, left []int) {
		if len(left) == 0 {
			count++
			x := newTrio(t)
			x.carry(1, 2)
			x.sync(2)
			x.carry(2, 1)
			x.sync(1) // 1 leads
			x.wires = map[[2]ids.Process][]wire.Message{}
			x.propose(1, 1)
			third := x.desks[2]
			third.e.start(third.now)
			third.sync()
			x.collect(third)
			x.wires[[2]ids.Process{3, 2}] = nil
			x.propose(3, 2)
			for _, ev := range done {
				switch ev {
				case 0:
					x.sync(1)
				case 1:
					x.carry(1, 2)
				case 2:
					x.sync(2)
				case 3:
					x.carry(3, 1)
				case 4:
					x.carry(1, 3)
					x.sync(3)
				}
			}
			x.rest()
			if len(x.made) != 1 {
				t.Errorf("order %v: %d values are decided", done, len(x.made))
			}
			return
		}
		for i := range left {
			orders(append(slices.Clone(done), left[i]), slices.Delete(slices.Clone(left), i, i+1))
		}
	}
	orders(nil, []int{0, 1, 2, 3, 4})
	if count != 120 {
		t.Errorf("%d orders", count)
	}
}
