package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Mem is a Store in memory, for simulated disks and for what is handed over
// once. Its faults are as a disk's: they are asked for by fields and methods,
// and nothing is random in it.
type Mem struct {
	mu      sync.Mutex
	kept    []memCheckpoint // newest first
	life    int             // counts crashes: a writer of an earlier life is ended
	writing bool

	// Room, if not zero, bounds the bytes of keys and values of one
	// checkpoint: beyond, ErrFull.
	Room uint64
	// Fail, if not nil, is asked before each write; its error is the disk's.
	Fail func() error
}

var _ Store = (*Mem)(nil)

type memCheckpoint struct {
	Checkpoint
	items []Item // ascending, never changed: readers have them too
}

// NewMem makes an empty store.
func NewMem() *Mem { return &Mem{} }

// Newest implements Store.
func (s *Mem) Newest() []Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Checkpoint
	for _, c := range s.kept {
		out = append(out, c.Checkpoint)
	}
	return out
}

func (s *Mem) find(number uint64) (memCheckpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.kept {
		if c.Number == number {
			return c, nil
		}
	}
	return memCheckpoint{}, ErrGone
}

// Read implements Store.
func (s *Mem) Read(number uint64, after []byte, size int) (items []Item, last bool, err error) {
	c, err := s.find(number)
	if err != nil {
		return nil, false, err
	}
	from := 0
	if after != nil {
		at, found := slices.BinarySearchFunc(c.items, after, compareKey)
		if from = at; found {
			from++
		}
	}
	end := from
	for size = max(size, 1); end < len(c.items) && size > 0; end++ {
		size -= len(c.items[end].Key) + len(c.items[end].Value)
	}
	return slices.Clone(c.items[from:end]), end == len(c.items), nil
}

// Changes implements Store.
func (s *Mem) Changes(number, base uint64, after []byte, size int) (items []Item, end bool, err error) {
	c, err := s.find(number)
	b, err2 := s.find(base)
	if err := errors.Join(err, err2); err != nil {
		return nil, false, err
	}
	old, now := b.items, c.items
	for size = max(size, 1); len(old) > 0 || len(now) > 0; {
		var x Item
		order := -1 // of the old one's first item and the new one's
		if len(old) == 0 {
			order = 1
		} else if len(now) > 0 {
			order = bytes.Compare(old[0].Key, now[0].Key)
		}
		switch {
		case order < 0:
			x, old = Item{Key: old[0].Key, Gone: true}, old[1:]
		case order > 0:
			x, now = now[0], now[1:]
		default:
			x = now[0]
			same := bytes.Equal(old[0].Value, x.Value)
			if old, now = old[1:], now[1:]; same {
				continue
			}
		}
		if after != nil && bytes.Compare(x.Key, after) <= 0 {
			continue
		}
		if size <= 0 {
			return items, false, nil
		}
		items = append(items, x)
		size -= len(x.Key) + len(x.Value)
	}
	return items, true, nil
}

func compareKey(x Item, key []byte) int { return bytes.Compare(x.Key, key) }

// Load implements Store.
func (s *Mem) Load(number uint64, visit func([]Item) error) error {
	c, err := s.find(number)
	if err != nil {
		return err
	}
	var sum Sum
	for i := range c.items {
		sum.Add(c.items[i])
	}
	if sum != c.Sum {
		return fmt.Errorf("%w: checkpoint %d", ErrDamaged, number)
	}
	for rest := c.items; len(rest) > 0; {
		n := min(len(rest), 64)
		if err := visit(slices.Clone(rest[:n])); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// Close implements Store. The contents stay: a later life finds them.
func (s *Mem) Close() error { return nil }

// Crash ends the process that used the store: what was not finished is lost.
func (s *Mem) Crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life++
	s.writing = false
}

// Lose forgets everything, as a disk replaced by an empty one.
func (s *Mem) Lose() {
	s.Crash()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = nil
}

// Size is how many bits there are to flip.
func (s *Mem) Size() (bits uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) > 0 {
		for _, x := range s.kept[0].items {
			bits += 8 * uint64(len(x.Key)+len(x.Value))
		}
	}
	return bits
}

// Flip flips one bit, below Size, of what the checkpoints have in common, as
// the bits of a table on disk. What was read before is its reader's, and stays
// as it was.
func (s *Mem) Flip(bit uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) == 0 {
		return
	}
	for _, x := range s.kept[0].items {
		n := 8 * uint64(len(x.Key)+len(x.Value))
		if bit >= n {
			bit -= n
			continue
		}
		y := Item{Key: bytes.Clone(x.Key), Value: bytes.Clone(x.Value)}
		if k := 8 * uint64(len(x.Key)); bit < k {
			y.Key[bit/8] ^= 1 << (bit % 8)
		} else {
			y.Value[(bit-k)/8] ^= 1 << (bit % 8)
		}
		for j := range s.kept {
			c := &s.kept[j]
			c.items = slices.Clone(c.items)
			for k := range c.items {
				if shared(c.items[k], x) {
					c.items[k] = y
				}
			}
		}
		return
	}
}

// shared says whether two checkpoints have one item in common.
func shared(a, b Item) bool {
	return len(a.Key) > 0 && len(b.Key) > 0 && &a.Key[0] == &b.Key[0]
}
