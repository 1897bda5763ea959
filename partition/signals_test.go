package partition

import (
	"testing"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// The signals of commands that are delivered together go in one message to each
// partition, before or after they are delivered there. One alone goes with its values.
func TestSignalsOfABatchGoTogether(t *testing.T) {
	l := newLab(t, 3, 1)
	batch := func(at hlc.Timestamp, n int) {
		for _, r := range l.nodes {
			for i := range n {
				k := func(p ids.Partition) Key { return l.key(colHash, p, i) }
				r.Deliver(l.now, l.op(at+hlc.Timestamp(i), exactly(get(k(0)), put(k(1)), put(k(2))), 0, 1, 2))
			}
			l.collect(r.config.Self)
		}
	}
	messages := func() (signals, exchanges int) {
		for _, x := range l.mail {
			switch m := x.m.(type) {
			case *Signals:
				signals++
			case *Exchange:
				if exchanges++; m.Signal != (len(l.mail) == 6) {
					t.Errorf("signal %v in an exchange, with %d messages", m.Signal, len(l.mail))
				}
			}
		}
		return signals, exchanges
	}
	batch(1000, 10)
	if s, x := messages(); s != 6 || x != 20 {
		t.Fatalf("%d messages of signals, %d of values", s, x)
	}
	l.pass(nil)
	batch(2000, 1)
	if s, x := messages(); s != 0 || x != 6 {
		t.Fatalf("of one command: %d messages of signals, %d others", s, x)
	}
	l.pass(nil)
	for id := ids.Process(1); id <= 3; id++ {
		if n := len(l.finished[id]); n != 11 {
			t.Errorf("%d of 11 commands finished at %d", n, id)
		}
	}
}

// A message names no more commands than there is room for.
func TestSignalsAreBounded(t *testing.T) {
	tags := make([]Tag, maxSignals+1)
	if ms := signals(tags); len(ms) != 2 {
		t.Fatalf("%d messages", len(ms))
	}
	if _, err := Decode(KindSignals, (&Signals{tags}).Append(nil)); err == nil {
		t.Error("too many decode")
	}
	body := wire.AppendUvarint(nil, 1)
	body = wire.AppendPosition(wire.AppendBool(body, true), ids.Position{T: 1})
	body = append(body, make([]byte, len(ids.Client{}))...)
	if _, err := Decode(KindSignals, append(body, 1, 1)); err == nil {
		t.Error("a client named twice decodes")
	}
}
