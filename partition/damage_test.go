package partition

import (
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// richCheckpoint is one with items of all kinds, and the Config of its replica.
// Two of its commands wait for partition 1, which has sent a value for the
// first.
func richCheckpoint(t testing.TB) (Config, disk) {
	l := newLab(t, 2, 1, durable)
	here, there := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	group := l.key(colGroup, 0, 0)
	l.deliver(l.op(5000, exactly(put(here), put(group)), 0), 1)
	l.deliver(l.op(5001, exactly(put(there)), 1), 2)
	l.deliver(l.op(5002, exactly(fail()), 0), 1)
	d := l.op(5003, exactly(get(here), get(there), scan(colGroup, 3)), 0, 1)
	l.deliver(d, 1, 2)
	l.pass(nil)
	l.deliver(l.op(5004, exactly(get(there)), 0), 1) // ends in retry
	l.deliver(l.op(5005, exactly(get(there), put(here), put(there)), 0, 1), 1)
	l.deliver(l.op(5006, all(exactly(put(here), get(there))), 0, 1), 1)
	l.deliver(l.op(5007, exactly(get(here)), 0), 1)
	l.node(1).Step(l.now, 2, &Exchange{
		Tag:  Tag{ids.Position{T: 5005, E: ids.All}, l.op(5005, exactly()).Command, 1},
		Vars: []Var{{there, true, []byte("old")}},
	})
	var c disk
	c.write(t, l.node(1).Checkpoint())
	kinds := make(map[byte]int)
	for k := range c.items {
		kinds[k[0]]++
	}
	if kinds[itemClient] < 5 || kinds[itemMeta] != 1 || kinds[itemOutbox] != 1 || kinds[itemQueued] != 3 || kinds[itemVariable] != 2 {
		t.Fatalf("kinds of items: %v", kinds)
	}
	return l.node(1).config, c
}

func cloneItems(items []StateItem) []StateItem {
	out := slices.Clone(items)
	for i := range out {
		out[i].Key, out[i].Value = slices.Clone(out[i].Key), slices.Clone(out[i].Value)
	}
	return out
}

// Whatever bit is flipped, wherever, the checkpoint is refused and it is said
// why.
func TestDamageIsRefused(t *testing.T) {
	c, d := richCheckpoint(t)
	items := d.sorted()
	if r, err := restore(c, items, d.sum); err != nil {
		t.Fatal(err)
	} else {
		r.Close()
	}
	refused := func(what string, items []StateItem, sum Sum) {
		t.Helper()
		r, err := restore(c, items, sum)
		if !errors.Is(err, ErrCheckpoint) || r != nil || len(err.Error()) < len(ErrCheckpoint.Error())+10 {
			t.Fatalf("%s: %v", what, err)
		}
	}
	flips := 0
	for i := range items {
		for _, part := range [][]byte{items[i].Key, items[i].Value} {
			for bit := range 8 * len(part) {
				part[bit/8] ^= 1 << (bit % 8)
				refused("a bit of an item", items, d.sum)
				part[bit/8] ^= 1 << (bit % 8)
				flips++
			}
		}
	}
	for bit := range 64 {
		refused("a bit of the count", items, Sum{d.sum.Count ^ 1<<bit, d.sum.Hash})
		refused("a bit of the hash", items, Sum{d.sum.Count, d.sum.Hash ^ 1<<bit})
	}
	for i := range items {
		refused("an item lacks", slices.Delete(slices.Clone(items), i, i+1), d.sum)
		refused("an item twice", slices.Insert(slices.Clone(items), i, items[i]), d.sum)
		gone := slices.Clone(items)
		gone[i] = StateItem{Key: items[i].Key, Gone: true}
		refused("an item gone", gone, d.sum)
		cut := slices.Clone(items)
		cut[i].Value = cut[i].Value[:len(cut[i].Value)/2]
		refused("an item cut", cut, d.sum)
		if i > 0 {
			swapped := slices.Clone(items)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			refused("two items swapped", swapped, d.sum)
		}
	}
	refused("nothing", nil, Sum{})
	t.Logf("%d bits", flips)
}

// A bit flipped within an item whose sum is right again is refused or harmless:
// never a panic, and never a replica that cannot be taken and restored again.
func TestForgedItems(t *testing.T) {
	c, d := richCheckpoint(t)
	items := d.sorted()
	built := 0
	for i := range items {
		for _, part := range [][]byte{items[i].Key, items[i].Value} {
			for bit := range 8 * len(part) {
				part[bit/8] ^= 1 << (bit % 8)
				if forge(t, c, items) {
					built++
				}
				part[bit/8] ^= 1 << (bit % 8)
			}
		}
	}
	t.Logf("%d are checkpoints of other replicas", built)
}

func forge(t testing.TB, c Config, items []StateItem) (built bool) {
	items = cloneItems(items)
	slices.SortFunc(items, func(a, b StateItem) int { return slices.Compare(a.Key, b.Key) })
	var sum Sum
	for _, it := range items {
		sum.Add(it)
	}
	r, err := restore(c, items, sum)
	if err != nil {
		if !errors.Is(err, ErrCheckpoint) {
			t.Fatal(err)
		}
		return false
	}
	defer r.Close()
	r.Tick(r.now)
	r.Sends()
	r.Status()
	if r.Err() != nil {
		return true
	}
	again := everythingOf(t, r)
	sum = Sum{}
	for _, it := range again.sorted() {
		sum.Add(it)
	}
	n, err := restore(c, again.sorted(), sum)
	if err != nil {
		t.Fatalf("restored, taken, and not restored again: %v", err)
	}
	n.Close()
	return true
}

// Counts in items reserve no memory that the items do not fill.
func TestCountsReserveNothing(t *testing.T) {
	c, _ := richCheckpoint(t)
	huge := binary.AppendUvarint(nil, 1<<40)
	client := clientName(1)
	head := wire.AppendCommand(nil, ids.Command{Client: client, Sequence: 1})
	head = wire.AppendUint32(head, 1)
	values := wire.AppendSet(head, ids.Set{0, 1})
	for _, it := range []StateItem{
		{Key: append([]byte{itemClient}, client[:]...), Value: append(wire.AppendTimestamp([]byte{1}, 9), huge...)},
		{Key: appendPlace(nil, itemOutbox, ids.Position{T: 1}), Value: append(slices.Clone(head), huge...)},
		{Key: appendPlace(nil, itemOutbox, ids.Position{T: 1}), Value: append(slices.Clone(values), huge...)},
		{Key: appendPlace(nil, itemQueued, ids.Position{T: 1}), Value: append(slices.Clone(head), huge...)},
	} {
		b := NewBuilder(c)
		m := meta{partition: 0, fingerprint: c.Service.Fingerprint(), version: 3, last: ids.Position{T: 9}}
		if it.Key[0] > itemMeta {
			if err := b.Add([]StateItem{{Key: []byte{itemMeta}, Value: m.append(nil)}}); err != nil {
				t.Fatal(err)
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := b.Add([]StateItem{it})
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrCheckpoint) || after.TotalAlloc-before.TotalAlloc > 1<<16 {
			t.Fatalf("%q: %v, %d bytes", it.Key, err, after.TotalAlloc-before.TotalAlloc)
		}
	}
}

// A checkpoint of something else is refused by name [C7].
func TestForeignCheckpoints(t *testing.T) {
	c, d := richCheckpoint(t)
	other := *c.Service
	other.Commands = append(slices.Clone(other.Commands), CommandSpec{Name: "another"})
	for want, tweak := range map[string]func(*Config){
		"partition":   func(c *Config) { c.Partition, c.Self = 1, 2 },
		"the service": func(c *Config) { c.Service = &other },
		"map":         func(c *Config) { c.Placement = testMap{n: 2, version: 4} },
	} {
		foreign := c
		tweak(&foreign)
		_, err := restore(foreign, d.sorted(), d.sum)
		if !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// FuzzBuilder: whatever the items, with a sum that fits them.
func FuzzBuilder(f *testing.F) {
	c, d := richCheckpoint(f)
	var b []byte
	for _, it := range d.sorted() {
		b = wire.AppendBytes(wire.AppendBytes(b, it.Key), it.Value)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var items []StateItem
		for r := wire.NewReader(b); r.Err() == nil && r.Len() > 0; {
			items = append(items, StateItem{Key: r.Bytes(), Value: r.Bytes()})
		}
		forge(t, c, items)
	})
}
