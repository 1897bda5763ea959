package partition

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// placedMap places by the collections' own functions.
type placedMap struct {
	testMap
	s *Service
}

func (m placedMap) Owners(k Key) ids.Set {
	return ids.Set{m.owner(m.s.Collections[k.Collection].place(k.Name))}
}

// Placing a key runs the service's code, on keys that an argument chooses. A
// panic there is the command's, wherever it comes: it must not end replicas,
// least of all every one of them at the same command.
func TestPlacingMayPanic(t *testing.T) {
	odd := Key{colGroup, "odd"}
	for what, p := range map[string]*program{
		"declared":          exactly(put(odd)),
		"within a range":    {exact: true, items: []Item{{Range: &Range{Collection: colGroup}, Write: true}}, code: []instr{put(odd)}},
		"found by the code": {code: []instr{put(odd)}},
	} {
		l := newLab(t, 2, 1, func(c *Config) {
			c.Service.Collections[colGroup].Place = func(name string) string {
				if name == odd.Name {
					panic("odd key")
				}
				return name
			}
			c.Placement = placedMap{testMap{n: 2, version: 3}, c.Service}
		})
		l.deliver(l.op(1000, p, 0, 1), 1, 2)
		l.pass(nil)
		if got := l.answers(); got != "1000:failed (eyrie.panicked)" {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// fillRange gives every node its variables of n, of so many bytes.
func (l *lab) fillRange(n, bytes int) {
	for i := range n {
		k := Key{colHash, fmt.Sprintf("k%05d", i)}
		for _, r := range l.nodes {
			if r.holds(k) {
				r.state.set(k, make([]byte, bytes))
			}
		}
	}
}

// runs replaces the programs by code that runs at all replicas.
func (l *lab) runs(code func(Tx) ([]byte, error)) {
	for _, r := range l.nodes {
		r.service.Commands[0].Run = func(tx Tx, _ []byte) ([]byte, error) { return code(tx) }
	}
}

// A command within its budget that begins very many ranges ships no more than
// its receivers take in; otherwise they would wait for ever for the rest.
func TestManyRangesFitTheReceiver(t *testing.T) {
	for what, lo := range map[string]func(i int) int{
		"rising": func(i int) int { return i }, "falling": func(i int) int { return 1999 - i },
	} {
		l := newLab(t, 2, 1, func(c *Config) {
			c.Tuning.MaxAccesses, c.Tuning.MaxBytes = 1<<14, 64<<10
			c.Tuning.PartItems, c.Tuning.PartBytes = 128, 32<<10
		})
		l.fillRange(2000, 20)
		l.runs(func(tx Tx) ([]byte, error) {
			n := 0
			for i := range 2000 {
				tx.Range(Range{Collection: colHash, Lo: fmt.Sprintf("k%05d", lo(i))}, func(string, []byte) bool { n++; return false })
			}
			return []byte(fmt.Sprint(n)), nil
		})
		l.deliver(l.op(1000, all(exactly()), 0, 1), 1, 2)
		l.pass(nil)
		if l.answers() != "1000:ok" || string(l.replies[0].Value) != "2000" {
			t.Errorf("%s: %q, %d refused", what, l.answers(), l.node(1).Status().Counters.Invalid)
		}
	}
}

// What is said about one command may be much more than a transport takes in
// one message, all the more when it is pulled at once.
func TestLargeExchangesAreCut(t *testing.T) {
	l := newLab(t, 2, 2, func(c *Config) { c.Tuning.MaxAccesses, c.Tuning.MaxBytes = 1<<14, 4<<20 })
	var code []instr
	for i := range 7 {
		k := l.key(colFrozen, 0, i)
		for id := 1; id <= 2; id++ {
			l.node(id).state.set(k, make([]byte, 700<<10))
		}
		code = append(code, get(k))
	}
	l.fillRange(3000, 300)
	code = append(code, scan(colHash, 3000), put(l.key(colHash, 1, 0)))
	d := l.op(1000, exactly(code...), 0, 1)
	l.deliver(d, 1, 2, 3, 4)
	largest := 0
	watch := func(x letter) bool { largest = max(largest, len(x.m.Append(nil))); return true }
	speaker := l.mail[0].from
	l.pass(func(x letter) bool { return watch(x) && x.from != speaker && x.to != speaker })
	for range 4 {
		l.tick(testTuning().PullMax)
		l.pass(func(x letter) bool { return watch(x) && x.from != speaker && x.to != speaker })
	}
	if len(l.finished[3])+len(l.finished[4]) != 2 {
		t.Fatal("has not finished")
	}
	if largest < exchangeBytes || largest > 2*exchangeBytes {
		t.Fatalf("the largest message has %d bytes", largest)
	}
}

// Replicas of a partition may cut a range at different places: when early
// values use up their share in another order, one ships a declared range
// early, the other piece by piece. A receiver that has the first part from one
// must be able to go on with another's.
func TestPartsOfTwoReplicas(t *testing.T) {
	for first := 2; first < 9; first += 3 {
		for rest := 2; rest < 9; rest++ {
			l := newLab(t, 2, 2, func(c *Config) {
				c.Tuning.PartBytes = 1 << 10
				c.Tuning.PartItems = rest
				if c.Self == 1 {
					c.Tuning.PartItems = first
				}
			})
			l.fillRange(30, 1)
			l.suspects[2] = true // 1 speaks
			d := l.op(1000, &program{code: []instr{scan(colHash, 30), get(Key{colHash, "k00017"})}}, 0, 1)
			l.deliver(d, 3)
			l.deliver(d, 1)
			l.pass(func(x letter) bool {
				return x.from == 1 && x.to == 3 && len(l.node(3).queue.all()[0].in.peers[0].parts) == 0
			})
			l.suspects = map[ids.Process]bool{1: true} // and is gone
			alive := func(x letter) bool { return x.from != 1 && x.to != 1 }
			l.deliver(d, 4)
			l.deliver(d, 2)
			l.pass(alive)
			for range 4 {
				l.tick(testTuning().PullMax)
				l.pass(alive)
			}
			if len(l.finished[3]) != 1 || l.finished[3][0].Reply != l.finished[2][0].Reply {
				t.Fatalf("parts of %d, then of %d: %+v", first, rest, l.finished[3])
			}
		}
	}
}

// A partition that is away holds back only what it takes part in: that the
// others wait for it in many commands keeps nothing else in their outboxes.
func TestOutboxNeedsNoStranger(t *testing.T) {
	l := newLab(t, 3, 1)
	for i := range 200 {
		l.deliver(l.op(1000+hlc.Timestamp(i), exactly(put(l.key(colHash, 0, i)), put(l.key(colHash, 2, 0))), 0, 2), 1)
	}
	for i := range 100 {
		d := l.op(2000+hlc.Timestamp(i), exactly(put(l.key(colGroup, 0, i)), put(l.key(colGroup, 1, i))), 0, 1)
		l.deliver(d, 1, 2)
		l.pass(func(x letter) bool { return x.to != 3 })
	}
	for range 2 {
		l.tick(testTuning().ProgressEvery)
		l.pass(func(x letter) bool { return x.to != 3 })
	}
	if n := l.node(2).Status().Outbox; n != 0 {
		t.Fatalf("partition 1 keeps %d entries of commands that all have finished", n)
	}
}

// A replica that was cut off for a while, and suspected, finds what it needs,
// as long as there is room: with memory only it cannot come back otherwise.
func TestOutboxIsPatient(t *testing.T) {
	l := newLab(t, 2, 3, func(c *Config) { c.Tuning.MaxOutbox = 10 * patience })
	without6 := func(x letter) bool { return x.from != 6 && x.to != 6 }
	l.suspects[6] = true
	var ds []Delivery
	step := func(n int) {
		for range n {
			i := len(ds)
			d := l.op(1000+hlc.Timestamp(i), exactly(put(l.key(colHash, 0, i)), put(l.key(colHash, 1, i))), 0, 1)
			ds = append(ds, d)
			l.deliver(d, 1, 2, 3, 4, 5)
			l.pass(without6)
		}
		for range 3 {
			l.tick(testTuning().ProgressEvery)
			l.pass(without6)
		}
	}
	step(9)
	l.tick(askMost)
	if n := l.node(1).Status().Outbox; n != 9 || l.node(1).Wake() != Never {
		t.Fatalf("%d entries, wakes at %v", n, l.node(1).Wake())
	}
	for _, d := range ds {
		l.deliver(d, 6)
	}
	for range 4 {
		l.tick(testTuning().PullMax)
		l.pass(nil)
	}
	l.suspects[6] = false
	l.tick(askMost)
	l.pass(nil)
	if n := l.node(1).Status().Outbox; n != 0 || len(l.finished[6]) != len(ds) {
		t.Fatalf("%d entries; process 6 has finished %d of %d", n, len(l.finished[6]), len(ds))
	}
	// For one that stays away no more than its share is kept.
	l.suspects[6] = true
	step(50)
	if n := l.node(1).Status().Outbox; n > 10 {
		t.Fatalf("%d entries", n)
	}
}

// What waits keeps only its own bytes: not the buffer that its message came
// in, nor the message.
func TestWaitingCommandsKeepNoBuffers(t *testing.T) {
	l := newLab(t, 2, 1)
	k := l.key(colFrozen, 1, 0)
	d := l.op(1000, exactly(get(k), put(l.key(colHash, 0, 0))), 0, 1)
	buffer := append(make([]byte, 0, 64<<10), d.Body...)
	d.Body = buffer
	x := &Exchange{Tag: Tag{d.Position, d.Command, 1}, Vars: []Var{{k, true, make([]byte, 100)}}}
	body := x.Append(make([]byte, 0, 64<<10))
	l.deliver(d, 1)
	m, err := Decode(x.Kind(), body)
	if err != nil {
		t.Fatal(err)
	}
	c := l.node(1).queue.all()[0]
	for what, p := range map[string]struct{ kept, buffer []byte }{
		"argument": {c.arg, buffer},
		"value":    {m.(*Exchange).Vars[0].Value, body},
	} {
		if inside(p.kept, p.buffer) {
			t.Errorf("the %s lies in the buffer", what)
		}
	}
	if &c.out.dests[0] == &d.Dests[0] {
		t.Error("the destinations lie in the message")
	}
}

func inside(b, buffer []byte) bool {
	at, from := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(unsafe.SliceData(buffer)))
	return at >= from && at < from+uintptr(cap(buffer))
}

// An empty value looks the same to the code of every destination: to an
// operation and to Get it is nil, though one destination has it in its state
// and another has decoded it.
func TestEmptyValuesLookAlike(t *testing.T) {
	for _, col := range []uint16{colHash, colFrozen} {
		l := newLab(t, 2, 1, func(c *Config) {
			c.Service.Operations[doAdd].Apply = func(old []byte, ok bool, _ []byte) []byte {
				return fmt.Append(nil, old == nil, ok)
			}
		})
		k, far := l.key(col, 0, 0), l.key(colHash, 1, 0)
		both := []Item{{Key: k, Write: true}, {Key: far, Write: true}}
		l.runs(func(tx Tx) ([]byte, error) { tx.Put(k, []byte{}); return nil, nil })
		l.deliver(l.op(1000, &program{exact: true, items: both}, 0, 1), 1, 2)
		l.pass(nil)
		l.runs(func(tx Tx) ([]byte, error) {
			v, ok := tx.Get(k)
			b := fmt.Append(nil, v == nil, ok)
			tx.Update(k, doAdd, nil)
			v, _ = tx.Get(k)
			return append(b, v...), nil
		})
		l.deliver(l.op(1001, &program{exact: true, items: both}, 0, 1), 1, 2)
		l.pass(nil)
		if a, b := l.finished[1][1], l.finished[2][1]; a.Reply != b.Reply || a.Outcome != OutcomeOK {
			t.Errorf("collection %d: the destinations end with %+v and %+v", col, a, b)
		}
	}
}
