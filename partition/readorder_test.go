package partition

import (
	"fmt"
	"strings"
	"testing"
)

// look adds a ReadOnly command with the number 1.
func look(c *Config) {
	spec := c.Service.Commands[0]
	spec.Name, spec.ReadOnly = "look", true
	c.Service.Commands = append(c.Service.Commands, spec)
}

// read has process 1 execute a read at once, and tells what it answered.
func (l *lab) read(number uint64, p *program) {
	n := l.node(1)
	n.Read(l.now, clientName(1), number, &ReadRequest{Number: number, MapVersion: 3, Command: 1, Arg: l.progs.add(p)})
	n.RunReads(l.now, number, 1)
}

func (l *lab) readAnswers() string {
	var b strings.Builder
	keep := l.node(1).sends[:0]
	for _, s := range l.node(1).sends {
		if m, ok := s.Msg.(*ReadReply); ok {
			fmt.Fprintf(&b, "%d:%v ", m.Number, m.Outcome)
		} else {
			keep = append(keep, s)
		}
	}
	l.node(1).sends = keep
	return strings.TrimSpace(b.String())
}

// A read that sees what finished after it came, later than at its own delivery,
// is ordered instead: it would see m, and not w, which another replica executed
// while m waited there, and which somebody saw who came before m elsewhere.
func TestE4ReadSeesNothingThatFinishedMeanwhile(t *testing.T) {
	l := newLab(t, 2, 1, look)
	a, b, y := l.key(colHash, 0, 0), l.key(colHash, 0, 1), l.key(colHash, 1, 0)
	m := l.op(1000, exactly(put(a), put(y)), 0, 1)
	l.deliver(m, 1)
	n := l.node(1)
	n.Read(l.now, clientName(1), 1, &ReadRequest{Number: 1, MapVersion: 3, Command: 1, Arg: l.progs.add(exactly(get(a), get(b)))})
	n.Step(l.now, 2, &Exchange{Tag: Tag{m.Position, m.Command, 1}, Signal: true})
	n.RunReads(l.now, 1, 1) // its positions, asked for before m ended, are reached
	if got := l.readAnswers(); got != "1:retry" {
		t.Fatalf("a read that came before the end of what it sees: %q", got)
	}
	l.read(2, exactly(get(a), get(b)))
	if got := l.readAnswers(); got != "2:ok" {
		t.Fatalf("one that came after it: %q", got)
	}
	if q := &n.reads; q.bytes != 0 || n.queueBytes != 0 {
		t.Errorf("%d bytes are left, %d in the queue", q.bytes, n.queueBytes)
	}
}

// E4: D1, E and D2 are a chain of conflicts, E elsewhere. D2 overtakes D1 here,
// of which the others have not said that it has started. A read that sees D2
// must see D1.
func TestE4ReadsOfUnfinishedAreOrdered(t *testing.T) {
	l := newLab(t, 3, 1, look)
	v1, v2 := l.key(colHash, 0, 0), l.key(colHash, 0, 1)
	w, z := l.key(colHash, 1, 0), l.key(colHash, 2, 0)
	d1 := l.op(1000, exactly(put(v1), put(w)), 0, 1)
	e := l.op(1001, exactly(put(w), put(z)), 1, 2)
	d2 := l.op(1002, exactly(put(z), put(v2)), 0, 2)
	l.deliver(d1, 1, 2)
	l.deliver(e, 2, 3)
	l.deliver(d2, 1, 3)
	l.pass(func(x letter) bool { return x.to != 1 || x.from != 2 })
	l.read(1, exactly(get(v1), get(v2)))
	if got := l.readAnswers(); got != "1:retry" {
		t.Fatalf("reads past an unfinished command: %q", got)
	}
	l.read(2, exactly(get(v2)))
	if got := l.readAnswers(); got != "2:ok" {
		t.Fatalf("a read of what is finished: %q", got)
	}
}
