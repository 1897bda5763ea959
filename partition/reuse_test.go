package partition

import "testing"

// Scenario 33: a client's name is used again, and its sequence restarts at 1.
// Names are drawn at random for every life of a client (internal/host), so this
// is a broken client: its commands pass for copies of the former life's, and
// have no effect, rather than any command having two.
func TestReusedClientName(t *testing.T) {
	judgeAll(t, []judged{
		{"first life", 2, 1000, 1, 1, 1000, 1, 0, VerdictAccepted},
		{"first life, its second", 2, 1010, 2, 1, 1010, 1, 0, VerdictAccepted},
		{"second life", 2, 1020, 1, 1, 1020, 1, 0, VerdictDuplicate},
		{"second life, its second", 2, 1030, 2, 1, 1030, 1, 0, VerdictDuplicate},
		{"past what the first life used", 2, 1040, 3, 1, 1040, 1, 0, VerdictAccepted},
		{"a copy of the first life's, late", 2, 1050, 2, 1, 1010, 1, 0, VerdictDuplicate},
		{"first life's mark had moved", 2, 1060, 8, 1, 1060, 8, 0, VerdictAccepted},
		{"a third life", 2, 1070, 1, 1, 1070, 1, 0, VerdictDuplicate},
		{"a third life, anywhere below the mark", 2, 1080, 7, 1, 1080, 1, 0, VerdictDuplicate},
	})
}

// The same end to end: the value is written once.
func TestReusedClientNameHasNoEffect(t *testing.T) {
	l := newLab(t, 1, 1)
	k := l.key(colHash, 0, 0)
	d := l.op(1000, exactly(put(k)), 0)
	l.deliver(d, 1)
	before := l.value(1, k)
	again := l.op(1020, exactly(update(k, 0)), 0)
	again.Command, again.Mark = d.Command, d.Mark
	l.deliver(again, 1)
	if after := l.value(1, k); after != before {
		t.Fatalf("%s became %s", before, after)
	}
	l.expect("1000:ok 1000:ok")
}
