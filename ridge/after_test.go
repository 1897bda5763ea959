package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// leadsAll is a coordinator of the ensemble of all partitions, with optimistic delivery.
func leadsAll(t *testing.T) (*rig, *ensemble) {
	r := optRig(t, 1, 2)
	all := r.core.ensembles[1]
	for _, e := range []*ensemble{r.e, all} {
		r.step(2, &promise{Ensemble: e.id, Round: e.lead.round, Wall: epoch, From: 1})
	}
	all.part = 1 // messages of several partitions are frequent
	return r, all
}

// A request that overtakes a message of which its sender knows comes after it: no null
// raises the message. Of messages that do not come it does not wait for long.
func TestAdvanceAfterWhatIsOnItsWay(t *testing.T) {
	ask := func(after hlc.Timestamp) *advance {
		return &advance{Ensemble: ids.All, Key: ids.Position{T: epoch + 500, E: 1}, After: after}
	}
	for _, c := range []struct {
		what  string
		after hlc.Timestamp
		comes bool
	}{
		{"knows of none", 0, true},
		{"knows of it", epoch + 499, true},
		{"knows of later ones, too", epoch + 10_000, true},
		{"knows of one that is lost", epoch + 499, false},
	} {
		r, all := leadsAll(t)
		all.c.opt.latency = time.Millisecond
		r.pass(time.Microsecond)
		before := all.lead.last
		r.step(4, ask(c.after))
		if waits := all.lead.last == before; waits != (c.after > 0) {
			t.Errorf("%s: reached %d at once", c.what, all.lead.last-epoch)
		}
		if c.comes {
			r.step(0, &Propose{Ensemble: ids.All, Message: msg(1, epoch+499, 0, 1), Herald: true})
		} else if w := r.core.Wake(); w != r.now.Mono+time.Millisecond {
			t.Errorf("%s: wakes after %v", c.what, w-r.now.Mono)
		}
		if o := all.lead.open; c.after > 0 && c.comes && (len(o) != 1 || o[0].value.Entries[0].T != epoch+499) {
			t.Errorf("%s: proposed %+v", c.what, o)
		}
		r.pass(time.Millisecond)
		last := all.lead.last
		if last < epoch+500 || last > epoch+500+followed {
			t.Errorf("%s: reached %d", c.what, last-epoch)
		}
		// What the ensemble has passed is no reason to wait.
		r.step(4, &advance{Ensemble: ids.All, Key: ids.Position{T: last + 100, E: 1}, After: last - 1})
		if all.lead.nulls.want < last+100 || all.lead.nulls.laterAt != never {
			t.Errorf("%s: then wants %d", c.what, all.lead.nulls.want-epoch)
		}
	}
}

// What comes behind a message of several partitions that was opt-delivered is ordered
// behind it, though its timestamp is earlier.
func TestPlacedBehindSeveral(t *testing.T) {
	r, _ := leadsAll(t)
	r.cast(msg(2, epoch+499, 0, 1))
	r.wants("the first", -2)
	r.step(0, &Propose{Ensemble: 0, Message: msg(1, epoch+400), Herald: true})
	r.wants("the second", -1)
	if s := r.e.lead.queue.ring[r.e.lead.queue.head]; s.place <= epoch+499 {
		t.Errorf("placed at %d", s.place-epoch)
	}
	r.core.cfg.Tuning.Lead = 10 * time.Millisecond
	r.cast(msg(3, r.now.Wall.Add(20*time.Millisecond), 0, 1))
	r.wants("one by a fast clock", -3)
	r.step(0, &Propose{Ensemble: 0, Message: msg(4, epoch+600), Herald: true})
	if q := &r.e.lead.queue; q.ring[len(q.ring)-1].place != epoch+600 {
		t.Errorf("the fourth is placed at %d", q.ring[len(q.ring)-1].place-epoch)
	}
}

// The ensemble of all partitions tells those of one that its messages wait for how far
// their direct copies are on their way: a null there waits for these, since what
// came before them is to be ordered before.
func TestHintAfterCopies(t *testing.T) {
	r, _ := leadsAll(t)
	r.step(0, &Propose{Ensemble: ids.All, Message: msg(1, epoch+499, 0, 1), Herald: true})
	as := only[*advance](r)
	if len(as) != 1 || as[0].Ensemble != 1 || as[0].After != epoch+499 {
		t.Fatalf("asked %+v", as)
	}
	r = optRig(t, 4, 2)
	r.step(5, &promise{Ensemble: 1, Round: r.e.lead.round, Wall: epoch, From: 1})
	r.core.opt.latency = time.Millisecond
	r.step(1, as[0])
	if r.e.lead.last >= epoch+499 {
		t.Fatalf("reached %d at once", r.e.lead.last-epoch)
	}
	r.step(0, &Propose{Ensemble: 1, Message: msg(2, epoch+400, 1), Herald: true})
	if o := r.e.lead.open; len(o) != 1 || o[0].value.Entries[0].T > epoch+400 {
		t.Errorf("proposed %+v", o)
	}
	r.step(0, &Cast{Message: msg(1, epoch+499, 0, 1), Alone: true})
	if r.e.lead.last <= epoch+499 {
		t.Errorf("reached %d", r.e.lead.last-epoch)
	}
}

// Where copies do not come in order, those of several partitions wait for others. What
// this process orders and nobody else has a copy of does not: it is ordered before
// them, but for those that it can only come behind.
func TestOvertakesWhatWaits(t *testing.T) {
	r := optRig(t, 4, 2)
	r.step(5, &promise{Ensemble: 1, Round: r.e.lead.round, Wall: epoch, From: 1})
	r.core.cfg.Tuning.OptimisticWait = 0
	o := &r.core.opt
	waits := func() {
		o.wait, o.astray, o.latency = upper{value: 1000, primed: true}, 1, 10*time.Millisecond
	}
	own := func(name int, t0 hlc.Timestamp) {
		waits()
		r.step(0, &Propose{Ensemble: 1, Message: msg(name, t0, 1), Herald: true})
	}
	waits()
	r.cast(msg(1, epoch+499, 0, 1))
	r.wants("one that waits")
	own(2, epoch+600)
	r.wants("an own one", -2)
	own(3, epoch+500)
	own(4, epoch+400)
	r.wants("own ones out of order", -3, -4)
	r.e.lead.last = epoch + 700 // as by a null
	own(5, epoch+650)
	r.wants("one that can only come behind", -1, -5)
	var last hlc.Timestamp
	for i, s := range r.e.lead.queue.ring[r.e.lead.queue.head:] {
		if h := o.held(s.message); h.at <= last || (h.at < epoch+499) != (i < 2) {
			t.Errorf("%d is foreseen at %d, behind %d", s.message.Command.Sequence, h.at-epoch, last-epoch)
		} else {
			last = h.at
		}
	}
}
