package partition

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// lab is a few replicas whose deliveries and messages a test passes by hand.
type lab struct {
	t             testing.TB
	progs         *programs
	replicas      int
	nodes         []*Replica // by process - 1
	mail          []letter
	replies       []*Reply
	confirmations []*Confirmation
	confirmers    []ids.Process
	by            []ids.Process // who sent replies[i]
	now           hlc.Now
	suspects      map[ids.Process]bool
	finished      map[ids.Process][]Event
	mayStop       bool
}

type letter struct {
	from, to ids.Process
	m        wire.Message
}

func newLab(t testing.TB, partitions, replicas int, tweak ...func(*Config)) *lab {
	l := &lab{t: t, progs: &programs{}, replicas: replicas, now: hlc.Now{Wall: 5000},
		suspects: make(map[ids.Process]bool), finished: make(map[ids.Process][]Event)}
	sets := make([][]ids.Process, partitions)
	for p := range sets {
		for i := range replicas {
			sets[p] = append(sets[p], ids.Process(1+p*replicas+i))
		}
	}
	for p := range sets {
		for _, id := range sets[p] {
			c := Config{
				Self: id, Partition: ids.Partition(p), Replicas: sets, Service: testService(l.progs),
				Placement: testMap{n: partitions, version: 3}, Tuning: testTuning(),
				Suspected: func(p ids.Process) bool { return l.suspects[p] },
				Observe: func(ev Event) {
					if ev.Kind == EventFinished {
						l.finished[id] = append(l.finished[id], ev)
					}
				},
			}
			for _, f := range tweak {
				f(&c)
			}
			n := New(c)
			t.Cleanup(n.Close)
			l.nodes = append(l.nodes, n)
		}
	}
	return l
}

func sequential(c *Config) { c.Tuning.Sequential = true }

// key is the i-th key of a collection that lies at a partition.
func (l *lab) key(col uint16, p ids.Partition, i int) Key {
	place := testMap{n: len(l.nodes) / l.replicas}
	for n := 0; ; n++ {
		k := Key{col, fmt.Sprintf("%c%d", 'a'+n%26, n)}
		if place.Owners(k).Has(p) {
			if i--; i < 0 {
				return k
			}
		}
	}
}

// op makes a delivery: the command's sequence is its position.
func (l *lab) op(at hlc.Timestamp, p *program, dests ...ids.Partition) Delivery {
	d := Delivery{
		Position: ids.Position{T: at, E: ids.All}, Attempt: 1, T0: at,
		Command: ids.Command{Client: clientName(int(at) % 20), Sequence: ids.Sequence(at)}, Mark: ids.Sequence(at),
		Dests: ids.NewSet(dests...),
		Body:  Request{MapVersion: 3, Arg: l.progs.add(p)}.Append(nil),
	}
	return d
}

// exactly makes a program that declares what it does.
func exactly(code ...instr) *program {
	p := &program{exact: true, code: code}
	for _, in := range code {
		it := Item{Key: in.key}
		switch in.op {
		case opPut, opDelete, opUpdate:
			it.Write = true
		case opRange:
			it = Item{Range: &in.rng}
		case opGet, opSwallow, opBurn:
		default:
			continue
		}
		p.items = append(p.items, it)
	}
	return p
}

func get(k Key) instr               { return instr{op: opGet, key: k} }
func put(k Key) instr               { return instr{op: opPut, key: k} }
func drop(k Key) instr              { return instr{op: opDelete, key: k} }
func update(k Key, op int) instr    { return instr{op: opUpdate, key: k, n: op} }
func fail() instr                   { return instr{op: opFailIf} }
func scan(col uint16, n int) instr  { return instr{op: opRange, rng: Range{Collection: col}, n: n} }
func all(p *program) *program       { p.exact = false; return p }
func (l *lab) node(id int) *Replica { return l.nodes[id-1] }

func (l *lab) collect(id ids.Process) {
	n := l.nodes[id-1]
	for _, s := range n.Sends() {
		m, err := Decode(s.Msg.Kind(), s.Msg.Append(nil))
		if err != nil {
			l.t.Fatalf("%T: %v", s.Msg, err)
		}
		if c, ok := m.(*Confirmation); ok {
			l.confirmations, l.confirmers = append(l.confirmations, c), append(l.confirmers, id)
		} else if s.To.Process == 0 {
			l.replies, l.by = append(l.replies, m.(*Reply)), append(l.by, id)
		} else {
			l.mail = append(l.mail, letter{id, s.To.Process, m})
		}
	}
	if err := n.Err(); err != nil && !l.mayStop {
		l.t.Fatal(err)
	}
}

// deliver delivers to the given processes.
func (l *lab) deliver(d Delivery, to ...int) {
	for _, id := range to {
		l.node(id).Deliver(l.now, d)
		l.collect(ids.Process(id))
	}
}

// pass hands over all mail, and what comes of it; what keep refuses is lost.
func (l *lab) pass(keep func(letter) bool) {
	for len(l.mail) > 0 {
		x := l.mail[0]
		l.mail = l.mail[1:]
		if keep == nil || keep(x) {
			l.nodes[x.to-1].Step(l.now, x.from, x.m)
			l.collect(x.to)
		}
	}
}

// tick moves time on.
func (l *lab) tick(d time.Duration) {
	l.now.Mono += d
	for i, n := range l.nodes {
		if n.Wake() <= l.now.Mono {
			n.Tick(l.now)
			l.collect(ids.Process(i + 1))
		}
	}
}

// answers are the outcomes replied so far, by position (= sequence).
func (l *lab) answers() string {
	var b strings.Builder
	for _, m := range l.replies {
		fmt.Fprintf(&b, "%d:%v ", m.Command.Sequence, m.Outcome)
		if m.ErrorName != "" {
			fmt.Fprintf(&b, "(%s) ", m.ErrorName)
		}
	}
	return strings.TrimSpace(b.String())
}

func (l *lab) expect(want string) {
	l.t.Helper()
	if got := l.answers(); got != want {
		l.t.Fatalf("replies: %q, want %q", got, want)
	}
}

func (l *lab) value(id int, k Key) string {
	v, ok := l.node(id).state.get(k)
	if !ok {
		return "none"
	}
	return fmt.Sprintf("%x", v)
}

// sent counts the mail of a kind that is under way.
func (l *lab) sent(match func(letter) bool) (n int) {
	for _, x := range l.mail {
		if match(x) {
			n++
		}
	}
	return n
}

func isSignal(x letter) bool { m, ok := x.m.(*Exchange); return ok && m.Signal }
func isValue(x letter) bool  { m, ok := x.m.(*Exchange); return ok && len(m.Vars)+len(m.Parts) > 0 }

func hlcOf(i int) hlc.Timestamp { return hlc.Timestamp(i) }
func hex(b []byte) string       { return fmt.Sprintf("%x", b) }
