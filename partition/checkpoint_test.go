package partition

import (
	"errors"
	"slices"
	"testing"

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
