package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/dgraph-io/badger/v4"
)

// writer writes a checkpoint at a version of its own, above all that there are.
// Invariant: a version has a manifest, or the keys that have it are put back
// (undo) before another checkpoint is begun.
type writer struct {
	s       *Badger
	d       *database // current, or a new one
	whole   bool
	number  uint64
	version uint64
	large   bool // see database
	txn     *badger.Txn
	size    uint64 // of txn, in bytes
	ended   bool
}

// Begin implements Store.
func (s *Badger) Begin(number uint64, whole bool) (Writer, error) {
	if kept := s.Newest(); len(kept) > 0 && number <= kept[0].Number {
		return nil, fmt.Errorf("store: checkpoint %d is not above %d", number, kept[0].Number)
	}
	return s.begin(number, whole, settings)
}

// begin opens a new database with the settings given.
func (s *Badger) begin(number uint64, whole bool, fresh func(string) badger.Options) (*writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing {
		return nil, errors.New("store: another checkpoint is being written")
	}
	if err := s.room(0); err != nil {
		return nil, err
	}
	w := &writer{s: s, d: s.current, whole: whole || s.current == nil, number: number}
	if w.whole {
		w.d = &database{path: filepath.Join(s.dir, fmt.Sprintf("%06d", s.next)), checked: true}
		s.next++
		if err := w.d.openWith(fresh); err != nil {
			return nil, err
		}
	} else if err := s.opened(w.d); err != nil {
		return nil, err
	}
	w.large = w.d.large
	s.writing = true
	if err := w.undo(); err != nil {
		s.writing = false
		return nil, err
	}
	return w, nil
}

// room says whether so much may be written.
func (s *Badger) room(size uint64) error {
	free, err := Free(s.dir)
	if err != nil {
		return err
	}
	// It is written to the log, to a table, and by compactions more than once.
	if need := s.Reserve + 4*size; free < need {
		return fmt.Errorf("%w: %s has %d MiB free; a checkpoint needs %d MiB at least", ErrFull, s.dir, free>>20, need>>20)
	}
	return nil
}

// undo puts back what a checkpoint that was not finished has changed: at a
// version above, every such key is again what it was in the newest one.
func (w *writer) undo() error {
	top := w.d.db.MaxVersion()
	w.version = top + 1
	if len(w.d.kept) == 0 || top == w.d.kept[0].version {
		return nil
	}
	good := w.d.kept[0].version
	all := w.d.db.NewTransactionAt(top, false)
	defer all.Discard()
	before := w.d.db.NewTransactionAt(good, false)
	defer before.Discard()
	it := all.NewIterator(badger.IteratorOptions{Prefix: []byte{prefixItem}, AllVersions: true})
	defer it.Close()
	var last []byte
	for it.Rewind(); it.Valid(); it.Next() {
		x := it.Item()
		if x.Version() <= good || string(x.Key()) == string(last) {
			continue
		}
		last = x.KeyCopy(nil)
		old, err := before.Get(last)
		if errors.Is(err, badger.ErrKeyNotFound) {
			err = w.delete(last)
		} else if err == nil {
			var v []byte
			if v, err = old.ValueCopy(nil); err == nil {
				err = w.set(badger.NewEntry(last, v).WithMeta(old.UserMeta()))
			}
		}
		if err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.version++
	return nil
}

// Add implements Writer.
func (w *writer) Add(items []Item) error {
	for i := range items {
		if err := w.add(&items[i]); err != nil {
			return err
		}
	}
	return w.flush() // the items are the caller's again
}

func (w *writer) add(x *Item) error {
	if x.Gone {
		return w.shorten(x.Key, 0)
	}
	if err := w.chunks(x, w.set); err != nil {
		return err
	}
	return w.shorten(x.Key, uint16(max(1, (len(x.Value)+chunkSize-1)/chunkSize)))
}

// chunks visits an item's entries in the database, in order.
func (w *writer) chunks(x *Item, visit func(*badger.Entry) error) error {
	value := x.Value
	for chunk := uint16(0); ; chunk++ {
		if chunk == 1<<16-2 {
			return fmt.Errorf("%w: a value of %d bytes", ErrTooLarge, len(x.Value))
		}
		part := value[:min(len(value), chunkSize)]
		value = value[len(part):]
		e := badger.NewEntry(appendKey(nil, x.Key, chunk), part)
		if len(e.Key) > maxKey {
			return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(x.Key))
		}
		if len(value) > 0 {
			e.UserMeta, w.large = hasMore, true
		}
		if err := visit(e); err != nil || len(value) == 0 {
			return err
		}
	}
}

// shorten deletes the chunks of an item, from one on, that it has so far. An
// item had one only, unless there has been a large one.
func (w *writer) shorten(key []byte, chunk uint16) error {
	if !w.large {
		if chunk > 0 {
			return nil
		}
		return w.delete(appendKey(nil, key, 0))
	}
	for ; ; chunk++ {
		k := appendKey(nil, key, chunk)
		switch _, err := w.txn0().Get(k); {
		case errors.Is(err, badger.ErrKeyNotFound):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %s: %w", ErrDamaged, w.d.path, err)
		}
		if err := w.delete(k); err != nil {
			return err
		}
	}
}

// txn0 is the transaction under way. It sees everything.
func (w *writer) txn0() *badger.Txn {
	if w.txn == nil {
		w.txn = w.d.db.NewTransactionAt(w.version, true)
	}
	return w.txn
}

func (w *writer) set(e *badger.Entry) error {
	w.size += uint64(len(e.Key) + len(e.Value))
	return w.try(func() error { return w.txn0().SetEntry(e) })
}

func (w *writer) delete(key []byte) error {
	w.size += uint64(len(key))
	return w.try(func() error { return w.txn0().Delete(key) })
}

// try commits first if the transaction is full.
func (w *writer) try(f func() error) error {
	err := f()
	if errors.Is(err, badger.ErrTxnTooBig) {
		if err := w.flush(); err != nil {
			return err
		}
		err = f()
	}
	return disk(w.d.path, err)
}

func (w *writer) flush() error {
	if w.txn == nil {
		return nil
	}
	if err := w.s.room(w.size); err != nil {
		return err
	}
	txn := w.txn
	w.txn, w.size = nil, 0
	return disk(w.d.path, txn.CommitAt(w.version, nil))
}

func disk(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: %s: %w", ErrFull, path, err)
	}
	return fmt.Errorf("store: %s: %w", path, err)
}

// Commit implements Writer.
func (w *writer) Commit(sum Sum, data []byte, oldest uint64) error {
	if err := w.flush(); err != nil {
		return err
	}
	m := manifest{Checkpoint: Checkpoint{Number: w.number, Sum: sum, Manifest: append([]byte(nil), data...)}, version: w.version}
	kept := append([]manifest{m}, w.d.kept...)
	e := badger.NewEntry(manifestKey(m.version), m.encode())
	if len(e.Value) > chunkSize {
		return fmt.Errorf("%w: a manifest of %d bytes", ErrTooLarge, len(data))
	}
	if w.large {
		e.UserMeta = hasLarge
	}
	// The files first: Badger does not sync the directory for all of them.
	if err := syncDir(w.d.path); err != nil {
		return err
	}
	if err := w.set(e); err != nil {
		return err
	}
	for last := len(kept) - 1; last > 0 && kept[last].Number < oldest; last-- {
		if err := w.delete(manifestKey(kept[last].version)); err != nil {
			return err
		}
		kept = kept[:last]
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := errors.Join(syncDir(w.d.path), syncDir(w.s.dir)); err != nil {
		return err
	}
	return w.install(kept)
}

// install makes the checkpoint the newest.
func (w *writer) install(kept []manifest) error {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	w.ended, s.writing = true, false
	w.d.kept, w.d.large = kept, w.large
	if !w.whole {
		w.d.discard()
		return nil
	}
	for s.users > 0 {
		s.idle.Wait() // with the old one
	}
	old := s.current
	s.current = w.d
	w.d.discard()
	if old == nil {
		return nil
	}
	return errors.Join(old.close(), s.remove(old))
}

// Abort implements Writer.
func (w *writer) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	if w.txn != nil {
		w.txn.Discard()
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.writing = false
	if w.whole {
		// What fails here, the next Open does again.
		w.d.close()
		w.s.remove(w.d)
	}
}
