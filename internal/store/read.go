package store

import (
	"bytes"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// loadBytes is about how much Load has its visitor take at a time.
const loadBytes = 256 << 10

// Load implements Store.
func (s *Badger) Load(number uint64, visit func([]Item) error) error {
	d, m, err := s.use(number)
	if err != nil {
		return err
	}
	defer s.done()
	var sum Sum
	var items []Item
	r := d.reader(m.version, nil)
	defer r.close()
	for {
		if items, err = r.items(items[:0], loadBytes); err != nil {
			return err
		}
		if len(items) == 0 {
			break
		}
		for i := range items {
			sum.Add(items[i])
		}
		if err := visit(items); err != nil {
			return err
		}
	}
	if sum != m.Sum {
		return fmt.Errorf("%w: %s: checkpoint %d has %d items with digest %016x, and should have %d with %016x",
			ErrDamaged, d.path, number, sum.Count, sum.Hash, m.Sum.Count, m.Sum.Hash)
	}
	return nil
}

// Read implements Store.
func (s *Badger) Read(number uint64, after []byte, bytes int) (items []Item, end bool, err error) {
	d, m, err := s.use(number)
	if err != nil {
		return nil, false, err
	}
	defer s.done()
	r := d.reader(m.version, after)
	defer r.close()
	items, err = r.items(nil, max(bytes, 1))
	return items, !r.it.Valid(), err
}

// reader goes through a checkpoint's items.
type reader struct {
	path string
	txn  *badger.Txn
	it   *badger.Iterator
	key  []byte // scratch
}

// reader begins above after; nil: at the beginning.
func (d *database) reader(version uint64, after []byte) *reader {
	r := &reader{path: d.path, txn: d.db.NewTransactionAt(version, false)}
	o := badger.DefaultIteratorOptions
	o.Prefix, o.PrefetchValues = []byte{prefixItem}, false // no value is elsewhere
	r.it = r.txn.NewIterator(o)
	if after == nil {
		r.it.Rewind()
	} else {
		r.it.Seek(appendKey(nil, after, ^uint16(0))) // no item has so many chunks
	}
	return r
}

func (r *reader) close() {
	r.it.Close()
	r.txn.Discard()
}

// items appends the next items until they have so many bytes.
func (r *reader) items(items []Item, size int) ([]Item, error) {
	for r.it.Valid() && size > 0 {
		item, ok, err := r.item()
		if err != nil {
			return nil, err
		}
		if ok {
			items = append(items, item)
			size -= len(item.Key) + len(item.Value)
		}
	}
	return items, nil
}

// item reads an item with all its chunks; not ok: what is left of one that once
// was longer.
func (r *reader) item() (item Item, ok bool, err error) {
	for next := uint16(0); r.it.Valid(); next++ {
		x := r.it.Item()
		key, chunk, good := cutKey(x.Key(), r.key[:0])
		r.key = key
		if !good {
			return item, false, fmt.Errorf("%w: %s: a key that is none", ErrDamaged, r.path)
		}
		if next == 0 {
			item.Key = bytes.Clone(key)
			if item.Key == nil {
				item.Key = []byte{}
			}
		}
		if chunk != next || !bytes.Equal(key, item.Key) {
			if next > 0 {
				return item, false, fmt.Errorf("%w: %s: a part of an item is missing", ErrDamaged, r.path)
			}
			r.it.Next()
			return item, false, nil
		}
		err := x.Value(func(v []byte) error {
			item.Value = append(item.Value, v...)
			return nil
		})
		if err != nil {
			return item, false, fmt.Errorf("%w: %s: %w", ErrDamaged, r.path, err)
		}
		more := x.UserMeta() == hasMore
		r.it.Next()
		if !more {
			return item, true, nil
		}
	}
	return item, false, fmt.Errorf("%w: %s: the last part of an item is missing", ErrDamaged, r.path)
}
