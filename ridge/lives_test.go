package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// A durable process keeps its incarnation, so what was sent to a former life
// reaches the next one: a position that answers a question of the former life is
// none for the reads of this one, which came later.
func TestPositionsForAFormerLife(t *testing.T) {
	d := newDesk(t, 3, 3)
	r := round(5, 1)
	d.step(1, &heartbeat{Wall: epoch, Hears: true, Items: []heartbeatItem{{Round: r, Leading: true}}})
	ask := func() (ticket uint64, q *question) {
		ticket = d.core.Ask(d.now)
		d.take()
		if qs := only[*question](&d.rig); len(qs) == 1 {
			return ticket, qs[0]
		}
		t.Fatalf("sent %+v", d.sent)
		return
	}
	_, before := ask()
	d.sync()
	d.crash()
	d.step(1, &heartbeat{Wall: epoch, Hears: true, Items: []heartbeatItem{{Round: r, Leading: true}}})
	ticket, now := ask()
	d.step(1, &position{Number: before.Number, Round: r, Confirmed: true})
	if d.core.Reached() >= ticket {
		t.Error("reads by a position taken before the read came")
	}
	d.step(1, &position{Number: now.Number, Round: r, Confirmed: true})
	if d.core.Reached() < ticket {
		t.Error("the read waits on")
	}
}

// A power cut leaves the vote that followed a jump far ahead, but not the trim
// mark that the jump brought: the process starts again, and has the vote.
func TestVoteFarBeyondTheLastTrimMark(t *testing.T) {
	d := newDesk(t, 2, 3)
	far := ids.Instance(100 * d.core.cfg.Tuning.MaxLogCount)
	for _, p := range []ids.Process{1, 3} {
		d.step(p, &heartbeat{Wall: epoch, Hears: true, Items: []heartbeatItem{{Trim: far - 10, Decided: far, Stable: far - 10, Whole: far - 10}}})
	}
	d.step(1, &prepare{Round: round(5, 1), Chain: []ids.Process{1, 2}, From: 1}) // its record is under way
	d.core.Jump(Positions{Key: ids.Position{T: epoch}, Ensembles: []At{{Instance: far, Last: epoch}}})
	d.take()
	v := val(1, 1, msg(1, epoch.Add(time.Millisecond)))
	d.step(1, &accept{Round: round(5, 1), Instance: far, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: v})
	if s := d.e.log.at(far); s == nil || s.value == nil {
		t.Fatalf("no vote; stands at %d, with a log from %d on", d.e.next, d.e.log.base)
	}
	all := d.records
	for n := range all {
		d.records, d.synced = all[:n+1], n+1
		d.crash()
		if err := d.core.Err(); err != nil {
			t.Fatalf("with %d of %d records: %v", n+1, len(all), err)
		}
		if s := d.e.log.at(far); all[n].Instance == far && (s == nil || s.value == nil || s.value.ID != v.ID) {
			t.Errorf("with %d of %d records the vote is forgotten", n+1, len(all))
		}
	}
}

// A round of a process that is no acceptor is not promised, by a vote neither:
// the next start would take the journal for another process's.
func TestRoundsOfStrangers(t *testing.T) {
	d := newDesk(t, 2, 3)
	d.step(1, &accept{Round: round(5, 9), Instance: 1, Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: val(1, 1, msg(1, epoch))})
	d.sync()
	if d.crash(); d.core.Err() != nil {
		t.Error(d.core.Err())
	}
}

// Lives make different values, of the same messages too: who has one of a former
// life must not take it for another of this one.
func TestLivesMakeTheirOwnValues(t *testing.T) {
	made := map[ValueID]bool{}
	d := newDesk(t, 1, 3)
	for life := 1; life <= 3; life++ {
		id := d.e.makeValue(d.now, newBuilder(0, 0), 0).ID
		if made[id] {
			t.Errorf("life %d makes value %v again", life, id)
		}
		made[id] = true
		d.crash()
	}
}
