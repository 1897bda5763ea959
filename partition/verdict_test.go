package partition

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// In these tables H = 3000, W = 300 and the client's window is 8.

type judged struct {
	what    string
	table   int // 0 or 1: partitions whose tables see it; 2: both
	at      hlc.Timestamp
	seq     ids.Sequence
	attempt ids.Attempt
	t0      hlc.Timestamp
	mark    ids.Sequence
	guard   hlc.Timestamp
	want    Verdict
}

func judgeAll(t *testing.T, steps []judged) [2]*table {
	t.Helper()
	tuning := testTuning()
	tables := [2]*table{newTable(&tuning, 2, &changes{}), newTable(&tuning, 2, &changes{})}
	for _, s := range steps {
		d := Delivery{
			Position: ids.Position{T: s.at}, T0: s.t0, Mark: s.mark, Guard: s.guard, Attempt: max(s.attempt, 1),
			Command: ids.Command{Client: clientName(0), Sequence: s.seq}, Dests: ids.Set{0, 1},
		}
		if s.table < 2 {
			d.Dests = ids.Set{ids.Partition(s.table)}
		}
		for _, p := range d.Dests {
			if got, _ := tables[p].judge(&d); got != s.want {
				t.Fatalf("%s: partition %d says %v, want %v", s.what, p, got, s.want)
			}
		}
	}
	return tables
}

func TestVerdicts(t *testing.T) {
	judgeAll(t, []judged{
		{"first", 2, 1000, 1, 1, 1000, 1, 0, VerdictAccepted},
		{"copy", 2, 1001, 1, 1, 1000, 1, 0, VerdictDuplicate},
		{"at the horizon", 2, 4000, 1, 1, 1000, 1, 0, VerdictDuplicate},
		{"past it", 2, 4001, 1, 1, 1000, 1, 0, VerdictLate},
		{"T0 at the window", 2, 4100, 2, 1, 4400, 1, 0, VerdictAccepted},
		{"T0 above it", 2, 4101, 3, 1, 4402, 1, 0, VerdictRefused},
		{"sequence at the window", 2, 4200, 9, 1, 4200, 1, 0, VerdictAccepted},
		{"sequence above it", 2, 4201, 10, 1, 4200, 1, 0, VerdictRefused},
		{"judged by its own mark, not the table's", 2, 4202, 10, 1, 4200, 2, 0, VerdictAccepted},
		{"mark above the sequence", 2, 4204, 4, 1, 4200, 5, 0, VerdictRefused},
		{"mark moves", 2, 4300, 11, 1, 4300, 9, 0, VerdictAccepted},
		{"below the mark", 2, 4301, 8, 1, 4300, 8, 0, VerdictDuplicate},
		{"an older mark changes nothing", 2, 4302, 12, 1, 4300, 5, 0, VerdictAccepted},
		{"still below the mark", 2, 4303, 8, 1, 4300, 8, 0, VerdictDuplicate},
		{"any sequence above", 2, 4304, 10, 2, 4300, 9, 0, VerdictAccepted},
	})
}

func TestMalformedIsRefused(t *testing.T) {
	good := Delivery{
		Position: ids.Position{T: 1000}, T0: 1000, Mark: 1, Attempt: 1,
		Command: ids.Command{Client: clientName(0), Sequence: 1}, Dests: ids.Set{0, 1},
	}
	tuning := testTuning()
	for what, spoil := range map[string]func(*Delivery){
		"good":              func(*Delivery) {},
		"no client":         func(d *Delivery) { d.Command.Client = ids.Client{} },
		"no attempt":        func(d *Delivery) { d.Attempt = 0 },
		"no mark":           func(d *Delivery) { d.Mark = 0 },
		"no sequence":       func(d *Delivery) { d.Command.Sequence = 0 },
		"no destination":    func(d *Delivery) { d.Dests = nil },
		"twice the same":    func(d *Delivery) { d.Dests = ids.Set{1, 1} },
		"unknown partition": func(d *Delivery) { d.Dests = ids.Set{0, 2} },
		"T0 at the end":     func(d *Delivery) { d.T0 = hlc.Max },
		"sequence far away": func(d *Delivery) { d.Command.Sequence = 1<<64 - 1 },
	} {
		d := good
		spoil(&d)
		tb := newTable(&tuning, 2, &changes{})
		want := VerdictRefused
		if what == "good" {
			want = VerdictAccepted
		}
		if got, _ := tb.judge(&d); got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// X1: s=1 is given up after H on a clock that is ahead; its resend comes
// after s=2 with low mark 2. Without the guard partition 0 drops it and
// partition 1, which saw no such mark, executes and waits for ever.
func TestX1GuardOfTheMark(t *testing.T) {
	judgeAll(t, []judged{
		{"s=2 with mark 2, before the guard", 0, 2000, 2, 1, 2000, 2, 4100, VerdictAccepted},
		{"resend of s=1, not late", 2, 2500, 1, 1, 1100, 1, 0, VerdictAccepted},
		{"s=3 with mark 2, above the guard", 0, 4200, 3, 1, 4000, 2, 4100, VerdictAccepted},
		{"s=1 again", 2, 4201, 1, 1, 1100, 1, 0, VerdictLate},
	})
}

// N6: the same with a client more than 2W ahead of the ensemble: no bound on
// clocks is needed.
func TestN6GuardHoldsForAnyClock(t *testing.T) {
	const ahead = 10 * 300
	judgeAll(t, []judged{
		{"s=1 too far ahead", 2, 1000, 1, 1, 1000 + ahead, 1, 0, VerdictRefused},
		{"s=2, clock corrected, given up s=1", 0, 4500, 2, 1, 4500, 2, 1000 + ahead + 3000, VerdictAccepted},
		{"s=1 by now within the window", 2, 4600, 1, 1, 1000 + ahead, 1, 0, VerdictAccepted},
	})
}

// X2: a record is forgotten when merged time passes the largest T0 + H, not H
// after its position: with T0 ahead a copy would execute twice.
func TestX2ForgettingByMergedTime(t *testing.T) {
	tables := judgeAll(t, []judged{
		{"T0 ahead", 2, 1000, 1, 1, 1300, 1, 0, VerdictAccepted},
		{"copy after F + H, before T0 + H", 2, 4250, 1, 1, 1300, 1, 0, VerdictDuplicate},
		{"copy at T0 + H", 2, 4300, 1, 1, 1300, 1, 0, VerdictDuplicate},
		{"copy after", 2, 4301, 1, 1, 1300, 1, 0, VerdictLate},
	})
	if n := len(tables[0].clients); n != 0 {
		t.Fatalf("%d clients are still known", n)
	}
}

// X2: the largest T0 + H ever accepted counts, entries removed by the mark
// included.
func TestX2LargestHorizonCounts(t *testing.T) {
	tables := judgeAll(t, []judged{
		{"s=1, T0 ahead", 2, 1000, 1, 1, 1300, 1, 0, VerdictAccepted},
		{"s=2, T0 behind, removes it", 2, 1100, 2, 1, 900, 2, 0, VerdictAccepted},
		{"another position", 2, 4200, 2, 1, 900, 2, 0, VerdictLate},
		{"s=1 below the mark", 2, 4300, 1, 1, 1300, 1, 0, VerdictDuplicate},
	})
	if n := len(tables[0].clients); n != 1 {
		t.Fatalf("%d clients are known", n)
	}
}

// The memory of one client is bounded even if its guard keeps the mark down.
func TestRecordOfAStuckMarkIsBounded(t *testing.T) {
	tuning := testTuning()
	tb := newTable(&tuning, 1, &changes{})
	for i := range 100_000 {
		at := hlc.Timestamp(1000 + 100*i)
		s := ids.Sequence(1 + i)
		d := Delivery{
			Position: ids.Position{T: at}, T0: at, Mark: s, Guard: hlc.Max, Attempt: 1,
			Command: ids.Command{Client: clientName(0), Sequence: s}, Dests: ids.Set{0},
		}
		if v, _ := tb.judge(&d); v != VerdictAccepted {
			t.Fatal(v)
		}
		if n := len(tb.clients[clientName(0)].entries); n > 3000/100+2*2*tuning.ClientWindow {
			t.Fatalf("%d entries", n)
		}
	}
}

// X3: attempt 1 to {0} is decided twice and ends in retry; attempt 2 goes to
// {0, 1}. The second copy of attempt 1 gets the kept retry and executes
// nothing; a copy after attempt 2 gets what that ended with.
func TestX3AttemptsAreOrdered(t *testing.T) {
	l := newLab(t, 2, 1)
	k := l.key(colHash, 1, 0)
	d := l.op(1000, exactly(get(k), put(l.key(colHash, 0, 0))), 0)
	one := func(at hlc.Timestamp) Delivery { x := d; x.Position.T = at; return x }
	l.deliver(one(1000), 1)
	l.deliver(one(1001), 1)
	l.expect("1000:retry 1000:retry")
	if need := l.replies[0].Needed; !need.Equal(ids.Set{0, 1}) {
		t.Fatalf("needed: %v", need)
	}
	two := d
	two.Attempt, two.Dests, two.Position.T = 2, ids.Set{0, 1}, 1002
	l.deliver(two, 1, 2)
	l.deliver(one(1003), 1) // while attempt 2 is under way
	l.pass(nil)
	l.deliver(one(1004), 1)
	for _, m := range l.replies[2:] {
		if m.Attempt != 2 || m.Outcome != OutcomeOK {
			t.Fatalf("%+v", m)
		}
	}
	if n := len(l.replies); n < 4 {
		t.Fatalf("%d replies", n)
	}
	if c := l.node(1).Status().Counters; c.Finished != 2 || c.Duplicates != 3 {
		t.Fatalf("%+v", c)
	}
}

// X4: C stands behind a conflicting command that waits; the client has its
// reply from another replica and sends the next with a higher low mark, which
// overtakes C here. C must still execute at its turn.
func TestX4VerdictAtDelivery(t *testing.T) {
	l := newLab(t, 2, 1)
	a, b := l.key(colHash, 0, 0), l.key(colHash, 0, 1)
	remote := l.key(colHash, 1, 0)
	l.deliver(l.op(1000, exactly(put(a), put(remote)), 0, 1), 1) // waits for partition 1
	c := l.op(1001, exactly(put(a)), 0)
	c.Command = ids.Command{Client: clientName(19), Sequence: 7}
	c.Mark = 7
	l.deliver(c, 1)
	next := l.op(1002, exactly(put(b)), 0)
	next.Command = ids.Command{Client: clientName(19), Sequence: 8}
	next.Mark = 8
	l.deliver(next, 1)
	l.expect("8:ok")
	l.deliver(l.op(1000, exactly(put(a), put(remote)), 0, 1), 2)
	l.pass(nil)
	if n := len(l.finished[1]); n != 3 || l.finished[1][2].Command.Sequence != 7 {
		t.Fatalf("finished: %+v", l.finished[1])
	}
}

// X4, mirror image: two copies delivered before the first has finished.
func TestX4CopiesWaitForTheOutcome(t *testing.T) {
	l := newLab(t, 2, 1)
	d := l.op(1000, exactly(update(l.key(colHash, 0, 0), doAppend), put(l.key(colHash, 1, 0))), 0, 1)
	l.deliver(d, 1)
	d2 := d
	d2.Position.T = 1001
	l.deliver(d2, 1)
	l.expect("")
	l.deliver(d, 2)
	l.deliver(d2, 2)
	l.pass(nil)
	if len(l.finished[1]) != 1 || len(l.finished[2]) != 1 {
		t.Fatalf("%d and %d executions", len(l.finished[1]), len(l.finished[2]))
	}
	l.expect("1000:ok")
	if v := l.value(1, l.key(colHash, 0, 0)); len(v) != 4 {
		t.Fatalf("appended to %s", v)
	}
}

// A duplicate of a finished command is answered by every replica of the
// answering partition, since the one that answered may be gone.
func TestDuplicateIsAnsweredByAll(t *testing.T) {
	l := newLab(t, 1, 3)
	d := l.op(1000, exactly(put(l.key(colHash, 0, 0))), 0)
	l.deliver(d, 1, 2, 3)
	l.expect("1000:ok")
	d.Position.T = 1001
	l.deliver(d, 1, 2, 3)
	l.expect("1000:ok 1000:ok 1000:ok 1000:ok")
}

// A copy that comes while the command is under way is answered by all at its
// end.
func TestDuplicateOfARunningCommand(t *testing.T) {
	for _, copies := range []int{0, 1} {
		l := newLab(t, 2, 3)
		d := l.op(1000, exactly(put(l.key(colHash, 0, 0)), put(l.key(colHash, 1, 0))), 0, 1)
		l.deliver(d, 1, 2, 3)
		for i := range copies {
			x := d
			x.Position.T += hlcOf(1 + i)
			l.deliver(x, 1, 2, 3)
		}
		l.deliver(d, 4, 5, 6)
		for i := range copies {
			x := d
			x.Position.T += hlcOf(1 + i)
			l.deliver(x, 4, 5, 6)
		}
		l.pass(nil)
		if n := len(l.replies); n != 1+2*copies {
			t.Fatalf("%d copies, %d replies", copies, n)
		}
	}
}

// Late and refused copies are answered by one replica, without a place in the
// table; a late copy of a kept command gets the kept reply.
func TestAdviceForLateAndRefused(t *testing.T) {
	l := newLab(t, 1, 3)
	d := l.op(9000, exactly(put(l.key(colHash, 0, 0))), 0)
	d.T0 = 1000
	l.deliver(d, 1, 2, 3)
	l.expect("9000:late")
	d = l.op(9100, exactly(put(l.key(colHash, 0, 0))), 0)
	d.T0, d.Proposed = 9100+301, 9090
	l.deliver(d, 1, 2, 3)
	l.expect("9000:late 9100:refused")
	if tm := l.replies[1].Time; tm != 9090 {
		t.Fatalf("time %d", tm)
	}
	if n := l.node(1).Status().Clients; n != 0 {
		t.Fatalf("%d clients", n)
	}
}

// N5: one verdict, in one place. A stale attempt counts as accepted: a later
// copy of it is a duplicate, at all destinations alike.
func TestN5StaleCountsAsAccepted(t *testing.T) {
	l := newLab(t, 2, 1)
	d := l.op(1000, exactly(put(l.key(colHash, 0, 0)), put(l.key(colHash, 1, 0))), 0, 1)
	q, _ := DecodeRequest(d.Body)
	q.MapVersion = 2
	d.Body = q.Append(nil)
	l.deliver(d, 1, 2)
	d.Position.T++
	l.deliver(d, 1, 2)
	if len(l.mail) != 0 || l.answers() != "1000:retry 1000:retry" || l.replies[0].MapVersion != 3 {
		t.Fatalf("%s, mail %d", l.answers(), len(l.mail))
	}
	for id := 1; id <= 2; id++ {
		if c := l.node(id).Status().Counters; c.Stale != 1 || c.Duplicates != 1 {
			t.Fatalf("%+v", c)
		}
	}
}

// Merged time, never a wall clock, decides.
func TestWallClocksDecideNothing(t *testing.T) {
	l := newLab(t, 1, 2)
	d := l.op(1000, exactly(put(l.key(colHash, 0, 0))), 0)
	l.deliver(d, 1)
	l.now.Wall = 1 << 60
	l.now.Mono += time.Hour
	l.deliver(d, 2)
	d.Position.T++
	l.deliver(d, 1)
	l.now.Wall = -1 << 60
	l.deliver(d, 2)
	for id := 1; id <= 2; id++ {
		if c := l.node(id).Status().Counters; c.Accepted != 1 || c.Duplicates != 1 {
			t.Fatalf("%+v", c)
		}
	}
}
