package partition

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// disk is what a store would hold of a replica: the items of its checkpoints,
// one list of changes applied after the other.
type disk struct {
	items map[string][]byte
	sum   Sum
	n     int // items written
}

// write reads a snapshot to its end, in small pieces, and checks what it says.
func (d *disk) write(t testing.TB, s *Snapshot) {
	t.Helper()
	if d.items == nil {
		d.items = make(map[string][]byte)
	}
	seen := make(map[string]bool)
	for {
		items := s.Next(nil, 64)
		if len(items) == 0 {
			break
		}
		d.n += len(items)
		for _, it := range items {
			if seen[string(it.Key)] {
				t.Fatalf("%q twice in one snapshot", it.Key)
			}
			seen[string(it.Key)] = true
			if it.Gone {
				delete(d.items, string(it.Key))
			} else {
				d.items[string(it.Key)] = slices.Clone(it.Value)
			}
		}
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	d.sum = Sum{}
	for _, it := range d.sorted() {
		d.sum.Add(it)
	}
	if d.sum != s.Sum() {
		t.Fatalf("the items sum up to %+v, the snapshot says %+v", d.sum, s.Sum())
	}
}

// sorted are the items in the order of keys.
func (d *disk) sorted() []StateItem {
	list := make([]StateItem, 0, len(d.items))
	for k, v := range d.items {
		list = append(list, StateItem{Key: []byte(k), Value: v})
	}
	slices.SortFunc(list, func(a, b StateItem) int { return slices.Compare(a.Key, b.Key) })
	return list
}

func restore(c Config, items []StateItem, sum Sum) (*Replica, error) {
	b := NewBuilder(c)
	b.r.sums.every = 4
	for len(items) > 0 {
		n := min(len(items), 3)
		if err := b.Add(items[:n]); err != nil {
			return nil, err
		}
		items = items[n:]
	}
	return b.Done(sum)
}

func durable(c *Config) { c.Durable = true }

func TestCheckpointOfOnePartition(t *testing.T) {
	l := newLab(t, 1, 1, durable)
	r := l.node(1)
	var d disk
	a, b := l.key(colHash, 0, 0), l.key(colHash, 0, 1)
	for i, p := range []*program{exactly(put(a)), exactly(put(b)), exactly(update(a, doAdd)), exactly(fail()), exactly(instr{op: opDelete, key: b})} {
		l.deliver(l.op(hlc.Timestamp(5000+i), p, 0), 1)
		d.write(t, r.Checkpoint())
		n, err := restore(r.config, d.sorted(), d.sum)
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		at, want, _ := r.Digest()
		if nat, got, ok := n.Digest(); got != want || nat != at || !ok {
			t.Fatalf("after %d: digest %x at %v, want %x at %v", i, got, nat, want, at)
		}
		if _, err := restore(r.config, d.sorted(), Sum{}); !errors.Is(err, ErrCheckpoint) {
			t.Fatalf("wrong sum: %v", err)
		}
	}
}

// count applies a snapshot and says how many items of each kind it has.
func (d *disk) count(t testing.TB, s *Snapshot) (n map[byte]int) {
	t.Helper()
	n = make(map[byte]int)
	for {
		items := s.Next(nil, 100)
		if len(items) == 0 {
			return n
		}
		for _, it := range items {
			n[it.Key[0]]++
		}
	}
}

// A checkpoint has what changed and nothing else, however much there is.
func TestCheckpointsAreIncremental(t *testing.T) {
	l := newLab(t, 2, 1, durable)
	r := l.node(1)
	var d disk
	var keys []Key
	for i := range 300 {
		k := Key{colFrozen, fmt.Sprintf("%05d", i)}
		r.state.set(k, []byte(k.Name))
		keys = append(keys, k)
	}
	expect := func(want string) {
		t.Helper()
		if got := fmt.Sprint(d.count(t, r.Checkpoint())); got != want {
			t.Fatalf("items %s, want %s", got, want)
		}
	}
	expect(fmt.Sprintf("map[%d:1 %d:300]", itemMeta, itemVariable))
	expect(fmt.Sprintf("map[%d:1]", itemMeta))
	for range 3 { // of one: the last
		r.state.set(keys[7], []byte("x"))
	}
	r.state.delete(keys[8])
	r.state.delete(keys[9])
	r.state.set(keys[9], nil)
	r.state.set(Key{colFrozen, "new"}, nil)
	r.state.delete(Key{colFrozen, "new"})
	expect(fmt.Sprintf("map[%d:1 %d:4]", itemMeta, itemVariable))
	wait := l.op(5000, exactly(get(l.key(colHash, 1, 0))), 0, 1)
	l.deliver(wait, 1)
	expect(fmt.Sprintf("map[%d:1 %d:1 %d:1]", itemClient, itemMeta, itemQueued))
	expect(fmt.Sprintf("map[%d:1]", itemMeta))
	r.Step(l.now, 2, &Exchange{Tag: Tag{wait.Position, wait.Command, 1}, Vars: []Var{{Key: l.key(colHash, 1, 0)}}})
	expect(fmt.Sprintf("map[%d:1 %d:1]", itemMeta, itemQueued))
	r.Step(l.now, 2, &Exchange{Tag: Tag{wait.Position, wait.Command, 1}, Signal: true})
	expect(fmt.Sprintf("map[%d:1 %d:1 %d:1 %d:1]", itemClient, itemMeta, itemOutbox, itemQueued))
	r.Step(l.now, 2, &Progress{Below: after(wait.Position)})
	expect(fmt.Sprintf("map[%d:1 %d:1]", itemMeta, itemOutbox))
	r.table.forget(wait.T0.Add(r.tuning.Horizon) + 1)
	expect(fmt.Sprintf("map[%d:1 %d:1]", itemClient, itemMeta))
}

// A replica that is restored goes on where the items end: the next checkpoint
// is relative to them.
func TestRestoredGoesOn(t *testing.T) {
	l := newLab(t, 1, 1, durable)
	x, y := l.key(colHash, 0, 0), l.key(colHash, 0, 1)
	l.deliver(l.op(5000, exactly(put(x)), 0), 1)
	l.deliver(l.op(5001, exactly(put(y)), 0), 1)
	var d disk
	l.save(1, &d)
	l.reborn(1, &d)
	l.deliver(l.op(5002, exactly(instr{op: opDelete, key: x}), 0), 1)
	before := d.n
	l.save(1, &d)
	if n := d.n - before; n != 3 { // x, a client, what was delivered
		t.Fatalf("%d items", n)
	}
	sameItems(&world{t: t}, "disk", everythingOf(t, l.node(1)).items, d.items)
}

// Another goroutine may read a snapshot while the replica goes on.
func TestSnapshotBesidesReplica(t *testing.T) {
	w := randomWorld(t, 12, durable, func(c *Config) { c.Tuning.MaxOutbox, c.Tuning.MaxOutboxBytes = 1<<16, 1<<30 })
	victim, d := w.nodes[0], disk{}
	var reading chan bool
	taken, since := 0, 0
	w.delivered = func(n *node) {
		if n != victim {
			return
		}
		if since++; since < 3 {
			return
		}
		if since = 0; reading != nil {
			<-reading
		}
		s := n.r.Checkpoint()
		taken++
		done := make(chan bool, 1)
		reading = done
		go func() {
			d.write(t, s)
			done <- true
		}()
	}
	w.run(2 * time.Second)
	if reading == nil {
		t.Fatal("nothing was delivered")
	}
	<-reading
	d.write(t, victim.r.Checkpoint())
	sameItems(w, "disk", everythingOf(t, victim.r).items, d.items)
	if taken < 4 {
		t.Fatalf("%d checkpoints", taken)
	}
}

// A checkpoint that came to nothing is made up for by the next, however far it
// had come.
func TestAbandonedCheckpoint(t *testing.T) {
	for read := range 12 {
		l := newLab(t, 2, 1, durable)
		r, x, y, z := l.node(1), l.key(colHash, 0, 0), l.key(colHash, 0, 1), l.key(colHash, 0, 2)
		var d disk
		l.deliver(l.op(5000, exactly(put(x), put(y)), 0), 1)
		l.save(1, &d)
		l.deliver(l.op(5001, exactly(put(x), put(z), instr{op: opDelete, key: y}), 0), 1)
		done := l.op(5002, exactly(get(x), get(l.key(colHash, 1, 0))), 0, 1)
		l.deliver(done, 1)
		tag := Tag{done.Position, done.Command, 1}
		r.Step(l.now, 2, &Exchange{Tag: tag, Signal: true, Vars: []Var{{Key: l.key(colHash, 1, 0)}}})
		l.deliver(l.op(5003, exactly(get(l.key(colHash, 1, 0))), 0, 1), 1)
		s := r.Checkpoint()
		for range read {
			s.Next(nil, 1)
		}
		l.deliver(l.op(5004, exactly(put(y), instr{op: opDelete, key: z}), 0), 1)
		r.Abandon()
		r.Abandon() // once is enough
		l.save(1, &d)
		sameItems(&world{t: t}, "disk", everythingOf(t, r).items, d.items)
		l.reborn(1, &d)
	}
}

// A snapshot is of its moment, whatever the replica does before it is read.
func TestSnapshotIsOfItsMoment(t *testing.T) {
	l := newLab(t, 2, 1, durable)
	r, x, y := l.node(1), l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	l.deliver(l.op(5000, exactly(put(x)), 0), 1)
	first := l.op(5001, exactly(get(x), get(y)), 0, 1)
	l.deliver(first, 1)
	tag := Tag{first.Position, first.Command, 1}
	r.Step(l.now, 2, &Exchange{Tag: tag, Vars: []Var{{y, true, []byte("y")}}})
	want := everythingOf(t, r)
	s := r.Checkpoint()
	r.Step(l.now, 2, &Exchange{Tag: tag, Signal: true})
	for i := range 60 { // clients come back, and memory is used again
		next := l.op(hlcOf(5002+i), exactly(put(x), get(y)), 0, 1)
		next.Mark = next.Command.Sequence
		l.deliver(next, 1)
		r.Step(l.now, 2, &Exchange{Tag: Tag{next.Position, next.Command, 1}, Signal: true, Vars: []Var{{y, true, []byte("z")}}})
	}
	if r.Status().Unfinished != 0 {
		t.Fatalf("%+v", r.Status())
	}
	var d disk
	d.write(t, s)
	sameItems(&world{t: t}, "snapshot", want.items, d.items)
}
