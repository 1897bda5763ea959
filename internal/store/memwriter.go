package store

import (
	"bytes"
	"fmt"
	"slices"
)

type memWriter struct {
	s      *Mem
	life   int
	number uint64
	whole  bool
	items  []Item
	size   uint64
	ended  bool
}

// Begin implements Store.
func (s *Mem) Begin(number uint64, whole bool) (Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing {
		return nil, fmt.Errorf("store: another checkpoint is being written")
	}
	if len(s.kept) > 0 && number <= s.kept[0].Number {
		return nil, fmt.Errorf("store: checkpoint %d is not above %d", number, s.kept[0].Number)
	}
	if err := s.fail(); err != nil {
		return nil, err
	}
	s.writing = true
	return &memWriter{s: s, life: s.life, number: number, whole: whole || len(s.kept) == 0}, nil
}

// Receive implements Store. It takes items in any order.
func (s *Mem) Receive(number uint64) (Writer, error) { return s.Begin(number, true) }

func (s *Mem) fail() error {
	if s.Fail != nil {
		return s.Fail()
	}
	return nil
}

// Add implements Writer.
func (w *memWriter) Add(items []Item) error {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if err := w.alive(); err != nil {
		return err
	}
	for _, x := range items {
		w.size += uint64(len(x.Key) + len(x.Value))
		if w.s.Room != 0 && w.size > w.s.Room {
			return ErrFull
		}
		w.items = append(w.items, Item{Key: bytes.Clone(x.Key), Value: bytes.Clone(x.Value), Gone: x.Gone})
	}
	return nil
}

func (w *memWriter) alive() error {
	if w.ended || w.life != w.s.life {
		return fmt.Errorf("store: the writer has ended")
	}
	return w.s.fail()
}

// Commit implements Writer.
func (w *memWriter) Commit(sum Sum, data []byte, oldest uint64) error {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := w.alive(); err != nil {
		return err
	}
	c := memCheckpoint{Checkpoint: Checkpoint{Number: w.number, Sum: sum, Manifest: bytes.Clone(data)}}
	var base []Item
	if !w.whole {
		base = s.kept[0].items
	}
	c.items = merge(base, w.items)
	s.kept = slices.DeleteFunc(s.kept, func(c memCheckpoint) bool { return w.whole || c.Number < oldest })
	s.kept = append([]memCheckpoint{c}, s.kept...)
	w.ended, s.writing = true, false
	return nil
}

// merge applies changes, of which the last of a key counts.
func merge(base, changes []Item) []Item {
	slices.SortStableFunc(changes, func(a, b Item) int { return bytes.Compare(a.Key, b.Key) })
	out := make([]Item, 0, len(base)+len(changes))
	for i, x := range changes {
		if i+1 < len(changes) && bytes.Equal(x.Key, changes[i+1].Key) {
			continue
		}
		for len(base) > 0 && bytes.Compare(base[0].Key, x.Key) < 0 {
			out, base = append(out, base[0]), base[1:]
		}
		if len(base) > 0 && bytes.Equal(base[0].Key, x.Key) {
			base = base[1:]
		}
		if !x.Gone {
			out = append(out, x)
		}
	}
	return append(out, base...)
}

// Abort implements Writer.
func (w *memWriter) Abort() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if !w.ended && w.life == w.s.life {
		w.s.writing = false
	}
	w.ended = true
}
