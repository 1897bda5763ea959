package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/ristretto/v2/z"
)

// receiver writes a whole checkpoint whose items come in order. They go into
// tables straight away: no log is written and nothing is merged, and the disk
// is synced once a table, not once a part. What comes after them, in any
// order, is written as changes are, to the database opened anew. Nothing counts
// before the manifest.
type receiver struct {
	*writer
	stream *badger.StreamWriter // nil: it has ended
	last   []byte               // the last item's key
	some   bool                 // there was one
	failed bool                 // a method has returned an error
}

// receivedTable is about the size of a received checkpoint's tables. Each is
// synced at once when it is full.
const receivedTable = 2 << 20

// receiving are the settings of a database while it is filled in order. Badger
// syncs each table whatever SyncWrites says; that concerns the logs, which stay
// empty. Tables of the lowest level have 32 times the size asked for.
func receiving(path string) badger.Options {
	o := settings(path)
	o.SyncWrites, o.BaseTableSize = false, receivedTable/32
	return o
}

// Receive implements Store.
func (s *Badger) Receive(number uint64) (Writer, error) {
	if kept := s.Newest(); len(kept) > 0 && number <= kept[0].Number {
		return nil, fmt.Errorf("store: checkpoint %d is not above %d", number, kept[0].Number)
	}
	return s.receive(number)
}

func (s *Badger) receive(number uint64) (*receiver, error) {
	w, err := s.begin(number, true, receiving)
	if err != nil {
		return nil, err
	}
	r := &receiver{writer: w, stream: w.d.db.NewStreamWriter()}
	if err := r.stream.Prepare(); err != nil {
		r.Abort()
		return nil, disk(w.d.path, err)
	}
	return r, nil
}

// Add implements Writer.
func (r *receiver) Add(items []Item) error {
	return r.note(r.addAll(items))
}

func (r *receiver) note(err error) error {
	r.failed = r.failed || err != nil
	return err
}

func (r *receiver) addAll(items []Item) error {
	n := r.ascending(items)
	if n > 0 {
		if err := r.fill(items[:n]); err != nil {
			return err
		}
	}
	if n == len(items) {
		return nil
	}
	if err := r.endStream(); err != nil {
		return err
	}
	return r.writer.Add(items[n:])
}

// ascending is how many of the items go on in order.
func (r *receiver) ascending(items []Item) (n int) {
	for ; n < len(items) && r.stream != nil; n++ {
		x := &items[n]
		if x.Gone || r.some && bytes.Compare(r.last, x.Key) >= 0 {
			break
		}
		r.last, r.some = append(r.last[:0], x.Key...), true
	}
	return n
}

// fill adds items to the tables.
func (r *receiver) fill(items []Item) error {
	buf := z.NewBuffer(64<<10, "checkpoint")
	defer func() { _ = buf.Release() }()
	for i := range items {
		err := r.chunks(&items[i], func(e *badger.Entry) error {
			kv := pb.KV{Key: e.Key, Value: e.Value, Version: r.version, UserMeta: []byte{e.UserMeta}}
			badger.KVToBuffer(&kv, buf)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := r.s.room(uint64(buf.LenNoPadding())); err != nil {
		return err
	}
	return disk(r.d.path, r.stream.Write(buf))
}

// endStream has all tables durable, and opens the database as it is used from
// then on.
func (r *receiver) endStream() error {
	if r.stream == nil {
		return nil
	}
	if err := disk(r.d.path, r.stream.Flush()); err != nil {
		return err
	}
	r.stream = nil
	if err := r.d.close(); err != nil {
		return err
	}
	if err := r.s.room(0); err != nil {
		return err
	}
	r.version++ // above what the tables have
	return r.d.open()
}

// Commit implements Writer.
func (r *receiver) Commit(sum Sum, manifest []byte, oldest uint64) error {
	if r.failed {
		return errors.New("store: the checkpoint is not complete")
	}
	if err := r.note(r.endStream()); err != nil {
		return err
	}
	return r.writer.Commit(sum, manifest, oldest)
}

// Abort implements Writer.
func (r *receiver) Abort() {
	if r.ended {
		return
	}
	if r.stream != nil {
		r.stream.Cancel()
	}
	r.writer.Abort()
}
