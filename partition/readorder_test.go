package partition

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
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

// Reads that wait for a partition that is away do not hold up others, however
// many come: there is room for what need not wait.
func TestBlockedReadsHoldUpNobody(t *testing.T) {
	l := newLab(t, 2, 1, look, func(c *Config) { c.Tuning.MaxReads = 8 })
	a, b, y := l.key(colHash, 0, 0), l.key(colHash, 0, 1), l.key(colHash, 1, 0)
	cxy := l.op(1000, exactly(put(a), put(y)), 0, 1)
	l.deliver(cxy, 1)
	for i := range uint64(20) {
		l.read(i+1, exactly(get(a)))
	}
	if got := l.readAnswers(); !strings.HasPrefix(got, "6:refused") || strings.Contains(got, "ok") {
		t.Fatalf("reads of what is not decided: %q", got)
	}
	l.read(21, exactly(get(b)))
	if got := l.readAnswers(); got != "21:ok" {
		t.Fatalf("a read of something else: %q", got)
	}
	// Later writers wait for the reads, and these for the earlier writer alone.
	d := l.op(1001, exactly(put(a)), 0)
	l.deliver(d, 1)
	l.expect("")
	l.node(2).Deliver(l.now, cxy)
	for _, s := range l.node(2).Sends() {
		if m, ok := s.Msg.(*Exchange); ok && s.To == ids.To(1) {
			l.node(1).Step(l.now, 2, m)
		}
	}
	if got := l.readAnswers(); got != "1:ok 2:ok 3:ok 4:ok 5:ok" {
		t.Fatalf("when it has come: %q", got)
	}
	if q := &l.node(1).reads; q.queued != 0 || q.queuedBytes != 0 || q.bytes != 0 || l.node(1).queueBytes != 0 {
		t.Errorf("%d queued, %d bytes of %d left, %d in the queue", q.queued, q.queuedBytes, q.bytes, l.node(1).queueBytes)
	}
}

// E4: D1, E and D2 are a chain of conflicts, E elsewhere. D2 overtakes D1 here,
// of which the others have not said that it has started. A read that sees D2
// must see D1.
func TestE4ReadsWaitForUnfinished(t *testing.T) {
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
	if got := l.readAnswers(); got != "" {
		t.Fatalf("reads past an unfinished command: %q", got)
	}
	l.read(2, exactly(get(v2)))
	if got := l.readAnswers(); got != "2:ok" {
		t.Fatalf("a read of what is finished: %q", got)
	}
	p := l.node(1)
	p.Step(l.now, 2, &Exchange{Tag: Tag{d1.Position, d1.Command, 1}, Signal: true})
	if got := l.readAnswers(); got != "1:ok" {
		t.Fatalf("when it has finished: %q", got)
	}
}
