package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// What was delivered while there was no room to record it is not delivered
// optimistically when a copy comes and there is room again; what is newer is.
func TestUnrecordedIsNotDeliveredAgain(t *testing.T) {
	for what, full := range map[string]func(*optimist){
		"records": func(o *optimist) { o.records = maxRecords },
		"clients": func(o *optimist) {
			for range maxOrigins {
				o.order = append(o.order, &origin{held: 1})
			}
		},
	} {
		r := optRig(t, 2, 1)
		o := &r.core.opt
		full(o)
		m := msg(1, epoch+10)
		r.step(1, lastAccept(round(5, 1), 1, castVal(1, m)))
		r.wants(what, -1, 1)
		o.records, o.order = 0, nil
		r.cast(m)
		r.wants(what + ": a copy after the conservative delivery")
		r.cast(msg(2, epoch+11))
		r.wants(what+": a newer message", -2)
	}
}

// lackRig is a mere learner of e_all among three partitions, with a value of two
// messages, one for partitions 0 and 2 and one for 1 and 2.
func lackRig(t *testing.T, self ids.Process) (*rig, *Value) {
	r := optRig(t, self, 3)
	r.e = r.core.ensemble(ids.All, true)
	return r, castVal(1, msg(1, epoch+1, 0, 2), msg(2, epoch+2, 1, 2))
}

func valueFor(k ids.Instance, v *Value, distribute bool) *valueMessage {
	return &valueMessage{Ensemble: ids.All, Round: round(5, 1), Instance: k, Chain: []ids.Process{1, 2}, Value: v, Distribute: distribute}
}

// Who lacks some of what is asked for supplies the rest; and it counts what it
// cannot supply too, so that the asker is not presumed to have it for ever.
func TestSupplyBesideWhatIsLacked(t *testing.T) {
	r, v := lackRig(t, 4)
	r.step(2, valueFor(2, v.without(func(i int) bool { return i == 0 }), false))
	ask := &lack{Ensemble: ids.All, Instance: 2, ID: v.ID, Entries: []uint32{0, 1}}
	r.step(7, ask)
	ms := only[*supply](r)
	if len(ms) != 1 || ms[0].Value.Entries[0].Message != nil || ms[0].Value.Entries[1].Message == nil {
		t.Fatalf("supplied: %+v", ms)
	}
	ask.Instance = 1 // not held
	for range askSpan {
		r.step(7, ask)
	}
	if !r.e.member(7).lacks(r.e) {
		t.Error("who asks all the time in vain is presumed to have everything")
	}
}

// A learner that distributes forgets what it has delivered: what came through
// it without payloads is asked of the last acceptor. That then leaves nothing
// out towards anybody, nor does whoever passes it on.
func TestDistributorsAreNotAsked(t *testing.T) {
	r, v := lackRig(t, 7)
	r.step(4, valueFor(1, nothing(v), false))
	if len(r.sent) != 1 || r.sent[0].To.Process != 2 || len(only[*lack](r)) != 1 {
		t.Fatalf("sent %+v", r.sent)
	}
	r, v = lackRig(t, 2)
	far := []*member{r.e.member(4), r.e.member(7)}
	if lean := r.e.lean(v, far...); lean.absent != 2 {
		t.Fatalf("%d payloads left out", lean.absent)
	}
	for range askSpan {
		far[1].asked(r.e)
	}
	if lean := r.e.lean(v, far...); lean.absent != 0 || lean.cast != nil {
		t.Error("payloads are left out on the way to who lacks them")
	}
}

// Copies are kept: they do not keep the buffer that they came in with much else,
// nor change with it.
func TestCopiesKeepNoBuffers(t *testing.T) {
	var out Proposal
	out.Init(NewTopology([][]ids.Process{{1, 2, 3}}), msg(1, epoch), true)
	for _, m := range []wire.Message{&out.propose, &out.cast} {
		body := m.Append(nil)
		got, err := Decode(m.Kind(), body)
		if err != nil {
			t.Fatal(err)
		}
		clear(body)
		if again := got.Append(nil); len(again) != len(body) || again[len(again)-1] != 1 {
			t.Errorf("%T aliases its buffer: %x", m, again)
		}
	}
}

// A list that waits for payloads which come otherwise, with a repetition of
// Phase 2 or because it is decided, does not take room for as long as its
// instance is in the log.
func TestParkedEndsWithItsInstance(t *testing.T) {
	r := optRig(t, 2, 1)
	v, w := castVal(1, msg(1, epoch+1)), castVal(2, msg(2, epoch+2))
	r.step(1, lastAccept(round(5, 1), 1, nothing(v)))
	r.step(1, lastAccept(round(5, 1), 2, nothing(w)))
	r.step(1, lastAccept(round(5, 1), 1, v.plain()))
	r.step(3, &learn{Votes: []vote{{Instance: 2, Decided: true, Round: round(5, 1), Value: w}}})
	r.e.dropParked()
	if len(r.e.parked) > 0 {
		t.Errorf("%d still wait", len(r.e.parked))
	}
}

// One question about a large value, of which a connection that was read late
// held all messages, has no payloads sent twice; many questions do.
func TestOneLateBatchIsNoShortage(t *testing.T) {
	r := optRig(t, 1, 1)
	m := &r.e.members[1]
	r.e.onAsk(2, &lack{Instance: 1, Entries: make([]uint32, 64)})
	if m.lacks(r.e) {
		t.Error("short after one question")
	}
	for range askSpan {
		m.presume()
		r.e.onAsk(2, &lack{Instance: 1, Entries: make([]uint32, 1)})
	}
	if !m.lacks(r.e) {
		t.Fatal("never short")
	}
	r.now.Mono += time.Minute
	r.core.Tick(r.now)
	if m.lacks(r.e) {
		t.Error("short for ever")
	}
	m.short = shortage{}
	for range 20 * askSpan {
		for range askShare + 1 {
			m.presume()
		}
		m.asked(r.e)
	}
	if m.lacks(r.e) {
		t.Error("short though it seldom asks")
	}
}
