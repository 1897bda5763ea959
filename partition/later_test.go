package partition

import (
	"maps"
	"slices"
	"testing"
	"time"
)

// since lists what d has otherwise than an earlier one.
func (d *disk) since(before map[string][]byte) (list []StateItem) {
	for _, it := range d.sorted() {
		if old, had := before[string(it.Key)]; !had || string(old) != string(it.Value) {
			list = append(list, it)
		}
	}
	for k := range before {
		if _, has := d.items[k]; !has {
			list = append(list, StateItem{Key: []byte(k), Gone: true})
		}
	}
	slices.SortFunc(list, func(a, b StateItem) int { return slices.Compare(a.Key, b.Key) })
	return list
}

// A replica made of a checkpoint and of what later ones have otherwise is the one
// that is made of the last.
func TestLaterCheckpoint(t *testing.T) {
	gone, rounds := 0, 0
	for seed := range uint64(40) {
		w := randomWorld(t, seed, durable)
		victim := w.nodes[seed%uint64(len(w.nodes))]
		var d disk
		b := NewBuilder(victim.config)
		deliveries := 0
		w.delivered = func(n *node) {
			if n != victim {
				return
			}
			if deliveries++; deliveries%5 != 0 {
				return
			}
			before := maps.Clone(d.items)
			d.write(t, n.r.Checkpoint())
			if before != nil {
				b.Later()
				rounds++
			}
			items := d.since(before)
			for _, it := range items {
				if it.Gone {
					gone++
				}
			}
			if err := b.Add(items); err != nil {
				t.Fatal(err)
			}
		}
		w.run(2 * time.Second)
		if d.items == nil {
			b.r.Close()
			continue
		}
		got, err := b.Done(d.sum)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want, err := restore(victim.config, d.sorted(), d.sum)
		if err != nil {
			t.Fatal(err)
		}
		sameItems(w, "brought up to date", everythingOf(t, want).items, everythingOf(t, got).items)
		got.Close()
		want.Close()
	}
	if gone == 0 || rounds == 0 {
		t.Errorf("%d rounds, %d items that went", rounds, gone)
	}
}
