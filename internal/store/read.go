package store

import (
	"bytes"
	"errors"
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

// Changes implements Store. It asks the database for what has a version above
// base's: every change of an item writes its first chunk, or deletes it.
func (s *Badger) Changes(number, base uint64, after []byte, bytes int) (items []Item, end bool, err error) {
	d, m, err := s.use(number)
	if err != nil {
		return nil, false, err
	}
	defer s.done()
	at := s.version(d, base)
	if at == 0 {
		return nil, false, ErrGone
	}
	txn := d.db.NewTransactionAt(m.version, false)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{prefixItem}, AllVersions: true, SinceTs: at})
	defer it.Close()
	if it.Rewind(); after != nil {
		it.Seek(appendKey(nil, after, ^uint16(0)))
	}
	var last []byte
	for bytes = max(bytes, 1); it.Valid(); it.Next() {
		key, chunk, good := cutKey(it.Item().Key(), nil)
		switch {
		case !good:
			return nil, false, fmt.Errorf("%w: %s: a key that is none", ErrDamaged, d.path)
		case chunk != 0 || last != nil && string(key) == string(last) || it.Item().Version() <= at:
			continue
		case bytes <= 0:
			return items, false, nil
		}
		last = key
		x, err := d.item(txn, key)
		if err != nil {
			return nil, false, err
		}
		items = append(items, x)
		bytes -= len(x.Key) + len(x.Value)
	}
	return items, true, nil
}

// version is that of a checkpoint kept in d; zero if there is none.
func (s *Badger) version(d *database, number uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range d.kept {
		if m.Number == number {
			return m.version
		}
	}
	return 0
}

// item looks an item up.
func (d *database) item(txn *badger.Txn, key []byte) (x Item, err error) {
	x.Key = key
	for chunk := uint16(0); ; chunk++ {
		e, err := txn.Get(appendKey(nil, key, chunk))
		if chunk == 0 && errors.Is(err, badger.ErrKeyNotFound) {
			x.Gone = true
			return x, nil
		}
		if err == nil {
			err = e.Value(func(v []byte) error {
				x.Value = append(x.Value, v...)
				return nil
			})
		}
		if err != nil {
			return x, fmt.Errorf("%w: %s: %w", ErrDamaged, d.path, err)
		}
		if e.UserMeta() != hasMore {
			return x, nil
		}
	}
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
