package ridge

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Erratum 1 across a restart: the vote promises its round, also when it has been
// trimmed.
func TestErratum1AcrossRestart(t *testing.T) {
	for _, trimmed := range []bool{false, true} {
		d := newDesk(t, 2, 3)
		v := val(1, 1, msg(1, epoch))
		d.step(1, &accept{Round: round(5, 1), Instance: 1, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: v})
		d.sync()
		if trimmed {
			d.trimTo(1)
			if ts := d.core.Forgotten(); len(ts) > 0 {
				t.Fatal("the journal forgets votes before it has the trim mark")
			}
			d.sync()
			if ts := d.core.Forgotten(); !slices.Equal(ts, []Trim{{0, 1}}) {
				t.Fatalf("forgotten: %v", ts)
			}
			d.records = slices.DeleteFunc(d.records, func(r Record) bool { return r.Instance == 1 })
			d.synced = len(d.records)
		}
		d.crash()
		d.step(3, &prepare{Round: round(4, 3), Chain: []ids.Process{3, 2}, From: 1})
		d.sync()
		if ps, fs := only[*promise](&d.rig), only[*refuse](&d.rig); len(ps) > 0 || len(fs) > 0 && fs[0].Promised != round(5, 1) {
			t.Errorf("trimmed %v: a round below an accepted one was promised: %+v", trimmed, ps)
		}
	}
}

// trimTo has all replicas report stable checkpoints that cover k.
func (d *desk) trimTo(k ids.Instance) {
	d.core.Jump(Positions{Ensembles: []At{{Instance: k + 1, Last: epoch}}})
	d.core.Stable(Positions{Ensembles: []At{{Instance: k + 1, Last: epoch}}})
	d.core.Whole(Positions{Ensembles: []At{{Instance: k + 1, Last: epoch}}})
	for _, n := range d.w.nodes {
		if n.id != d.self {
			d.step(n.id, &heartbeat{Wall: epoch, Hears: true, Items: []heartbeatItem{{Stable: k, Whole: k, Decided: k}}})
		}
	}
	d.now.Mono += 200 * time.Millisecond
	d.core.Tick(d.now)
	d.take()
}

// R4 across a restart: an acceptor neither votes at or below its trim mark, nor
// looks like one that has never voted there, whatever the journal still holds.
func TestR4AcrossRestart(t *testing.T) {
	d := newDesk(t, 2, 3)
	chain := []ids.Process{1, 2}
	for k := ids.Instance(1); k <= 9; k++ {
		d.step(1, &accept{Round: round(5, 1), Instance: k, Chain: chain, Voters: []ids.Process{1}, Value: val(1, uint64(k), msg(int(k), epoch))})
	}
	d.sync()
	d.trimTo(7)
	d.sync()
	d.crash()
	d.step(1, &accept{Round: round(6, 1), Instance: 7, Chain: chain, Value: val(1, 99, msg(99, epoch))})
	if fs := only[*refuse](&d.rig); len(fs) != 1 || fs[0].Reason != refusedTrimmed || fs[0].Trim != 7 {
		t.Errorf("refusals %+v", fs)
	}
	d.step(3, &prepare{Round: round(7, 3), Chain: []ids.Process{3, 2}, From: 1})
	d.sync()
	ps := only[*promise](&d.rig)
	if len(ps) != 1 || ps[0].Trim != 7 || len(ps[0].Votes) != 2 || ps[0].Votes[0].Instance != 8 {
		t.Errorf("promised %+v", ps)
	}
}

// R2: a coordinator that starts again never uses a round of a former life, also
// when the promise of that round was not durable and its counter is forgotten.
func TestR2LivesHaveTheirOwnRounds(t *testing.T) {
	d := newDesk(t, 1, 3)
	seen := map[Round]bool{d.e.lead.round: true}
	for range 3 {
		d.crash() // forgets the round
		if r := d.e.lead.round; seen[r] || r.Counter != 1 {
			t.Fatalf("round %+v", r)
		}
		seen[d.e.lead.round] = true
	}
	d.sync()
	d.crash()
	if d.e.lead.phase != idle || d.e.known.IsZero() {
		t.Error("a restarted coordinator goes on as if nothing had been")
	}
	d.e.start(d.now)
	if r := d.e.lead.round; r.Counter != 2 {
		t.Errorf("round %+v", r)
	}
}

// What f+1 acceptors voted for in one round is decided: Phase 1 after a restart
// learns it, and does not order it again. What fewer did is.
func TestPhaseOneLearnsEqualVotes(t *testing.T) {
	d := newDesk(t, 1, 3)
	d.sync()
	v, u := val(1, 1, msg(1, epoch)), val(1, 2, msg(2, epoch))
	d.step(2, &accept{Round: round(8, 2), Instance: 1, Chain: []ids.Process{2, 1}, Voters: []ids.Process{2}, Value: v})
	d.step(2, &accept{Round: round(8, 2), Instance: 2, Chain: []ids.Process{2, 1}, Value: u})
	d.sync()
	d.crash()
	d.e.start(d.now)
	d.sync()
	d.step(3, &promise{Round: d.e.lead.round, From: 1, Wall: epoch, Votes: []vote{{Instance: 1, Round: round(8, 2), Value: v}, {Instance: 2, Round: round(7, 2), Value: u}}})
	if ds := d.deliveries(); len(ds) != 1 || len(d.e.lead.open) != 1 || d.e.lead.open[0].instance != 2 {
		t.Errorf("%d delivered, open %+v", len(ds), d.e.lead.open)
	}
}

// A batch is not copied: its record has its bytes as they came.
func TestRecordsAliasValues(t *testing.T) {
	d := newDesk(t, 2, 3)
	long := msg(1, epoch)
	long.Body = make([]byte, 2*referred)
	for _, v := range []*Value{val(1, 1, msg(1, epoch)), val(1, 2, long, msg(2, epoch))} {
		d.core.Step(d.now, ids.To(1), &accept{Round: round(5, 1), Instance: ids.Instance(v.ID.Counter), Chain: []ids.Process{1, 2}, Value: v})
		r := d.core.Records()[0]
		n := 0
		for _, p := range r.Body {
			if &p[0] == &v.raw[0] || &p[0] == &long.Body[0] {
				n++
			}
		}
		if n != 1+len(v.cuts) {
			t.Errorf("pieces %d", len(r.Body))
		}
		got := &Value{ID: v.ID}
		rd := wire.NewReader(r.Bytes()[1+roundSize+valueIDSize:])
		if got.readRaw(&rd, rd.Rest()); rd.Err() != nil {
			t.Error(rd.Err())
		}
	}
}

// A journal that holds anything else is refused, with an explanation and without
// harm.
func TestRecordsFromElsewhere(t *testing.T) {
	d := newDesk(t, 2, 3)
	d.step(1, &accept{Round: round(5, 1), Instance: 1, Chain: []ids.Process{1, 2}, Value: val(1, 1, msg(1, epoch))})
	d.step(3, &prepare{Round: round(6, 3), Chain: []ids.Process{3, 2}, From: 1})
	good := d.records
	boot := func(rs ...Record) error {
		return New(Config{Self: 2, Topology: d.w.topo, Tuning: d.w.tuning, Random: d.w.rng.Uint64, Durable: true, Recovered: rs}).Err()
	}
	if err := boot(good...); err != nil {
		t.Fatal(err)
	}
	for _, r := range good {
		body := r.Bytes()
		bad := []Record{
			{7, r.Instance, r.Body}, {r.Ensemble, 1 - r.Instance, r.Body}, {r.Ensemble, r.Instance, nil},
			{r.Ensemble, r.Instance, [][]byte{append(slices.Clone(body), 0)}},
		}
		for n := range body {
			bad = append(bad, Record{r.Ensemble, r.Instance, [][]byte{body[:n]}})
		}
		if r.Instance > 0 {
			bad = append(bad, Record{r.Ensemble, 1 << 60, r.Body})
		}
		for _, b := range bad {
			if err := boot(b); !errors.Is(err, ErrRecord) {
				t.Errorf("%d %d %x: %v", b.Ensemble, b.Instance, b.Bytes(), err)
			}
		}
	}
}

// Disks of followers that are almost full have proposals refused for that
// reason: at once if too many are, and, if only some are, when they keep the log
// from being trimmed.
func TestFullFollowersRefuseProposals(t *testing.T) {
	for full := 1; full <= 2; full++ {
		w := newWorld(t, 402, 1, 3, func(t *Tuning) { t.MaxLogCount, t.Pipeline = 64, 4 })
		w.durable()
		w.run(300 * time.Millisecond)
		c := w.nodes[0].core.ensembles[0].coordinator()
		for i, n := 0, 0; n < full; i++ {
			if w.nodes[i].id != c {
				for w.nodes[i].disk.saving { // the end of one would let others begin
					w.run(time.Millisecond)
				}
				w.nodes[i].core.Full(true)
				w.nodes[i].disk.saving = true // no checkpoint has room
				n++
			}
		}
		w.run(300 * time.Millisecond)
		p := w.multicast(w.clients[0], []byte{1}, 0)
		if w.run(time.Second); w.everywhere(p) != (full == 1) || (w.advice[NoRoom] > 0) != (full == 2) {
			t.Errorf("%d full: advice %v", full, w.advice)
		}
		for range 300 {
			if w.advice[NoRoom] == 0 && w.advice[Overloaded] == 0 {
				w.multicast(w.clients[0], []byte{1}, 0)
				w.run(20 * time.Millisecond)
			}
		}
		if w.advice[NoRoom] == 0 || w.advice[Overloaded] > 0 {
			t.Errorf("%d full: advice %v", full, w.advice)
		}
		for _, n := range w.nodes {
			n.core.Full(false)
		}
		w.run(300 * time.Millisecond)
		if c := w.nodes[0].core.fullPeers; c != 0 {
			t.Errorf("%d peers are said to be full", c)
		}
	}
}

// A disk that is almost full has proposals refused, and nothing else.
func TestFullRefusesProposals(t *testing.T) {
	w := newWorld(t, 401, 1, 3, nil)
	w.durable()
	w.run(300 * time.Millisecond)
	for _, n := range w.nodes {
		n.core.Full(true)
	}
	p := w.multicast(w.clients[0], []byte{1}, 0)
	if w.run(time.Second); w.advice[NoRoom] == 0 || w.everywhere(p) {
		t.Errorf("advice %v", w.advice)
	}
	for _, n := range w.nodes {
		n.core.Full(false)
	}
	w.finish(2 * time.Second)
}

// A coordinator whose disk is almost full leaves the office to who has room, and does
// not take it when another dies; only when nobody has room is anything refused. Chains
// begin with those who have.
func TestFullCoordinatorGivesWay(t *testing.T) {
	for _, replicas := range []int{3, 5} {
		w := newWorld(t, 403, 1, replicas, nil)
		w.durable()
		w.run(300 * time.Millisecond)
		coordinator := func() *node { return w.node(w.nodes[0].core.ensembles[0].coordinator()) }
		accepted := func(what string) {
			t.Helper()
			p := w.multicast(w.clients[0], []byte{1}, 0)
			if w.run(time.Second); !w.everywhere(p) || w.advice[NoRoom] > 0 {
				t.Errorf("%d replicas, %s: advice %v", replicas, what, w.advice)
			}
		}
		first := coordinator()
		first.core.Full(true)
		if w.run((yieldAfter - 1) * first.core.timeout); coordinator() != first {
			t.Errorf("%d replicas: process %d has not waited", replicas, first.id)
		}
		w.run(4 * first.core.timeout)
		second := coordinator()
		if second == first {
			t.Fatalf("%d replicas: process %d still coordinates", replicas, first.id)
		}
		accepted("one full")
		e := second.core.ensembles[0]
		e.lead.rotation = e.acceptor(first.id)
		for range replicas {
			if order, usable := e.preference(second.clock()); order[replicas-1] != first.id || usable != replicas {
				t.Errorf("chains of %v, %d usable", order, usable)
			}
			e.lead.rotation++
		}
		rounds := w.rounds()
		if w.run(30 * second.core.timeout); coordinator() != second || w.rounds() != rounds {
			t.Errorf("%d replicas: %d coordinates, after %d more rounds", replicas, coordinator().id, w.rounds()-rounds)
		}
		for _, n := range w.nodes {
			n.core.Full(true)
		}
		p := w.multicast(w.clients[0], []byte{1}, 0)
		if w.run(time.Second); w.everywhere(p) || w.advice[NoRoom] == 0 {
			t.Errorf("%d replicas, all full: advice %v", replicas, w.advice)
		}
	}
}
