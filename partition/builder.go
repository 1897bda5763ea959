package partition

import (
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Builder makes a replica of a checkpoint's items. They may be anything: it
// takes no more memory than they do, and refuses what no replica wrote.
type Builder struct {
	r      *Replica
	sum    Sum
	before []byte // the last key
	later  bool   // Later was called
	meta   *meta
	outbox map[ids.Position]*outgoing
	queue  map[ids.Position]*queued
	err    error
}

// NewBuilder makes a builder of a replica with this Config, which must be
// valid.
func NewBuilder(c Config) *Builder {
	r := New(c)
	r.state.changes.on = false // until all is there
	return &Builder{r: r, outbox: make(map[ids.Position]*outgoing), queue: make(map[ids.Position]*queued)}
}

// Later says that all items of a checkpoint have been added, and that those
// which follow, again in ascending order of keys, are what a later checkpoint
// of the same replica has otherwise: items that are gone among them.
func (b *Builder) Later() { b.before, b.later = nil, true }

// Add adds the next items, in ascending order of keys. It keeps parts of them,
// which must not change. An error wraps ErrCheckpoint and is final.
func (b *Builder) Add(items []StateItem) error {
	for i := range items {
		if b.err != nil {
			break
		}
		if err := b.add(items[i]); err != nil {
			b.err = fmt.Errorf("%w: item %.40q: %w", ErrCheckpoint, items[i].Key, err)
		}
	}
	return b.err
}

func (b *Builder) add(it StateItem) (err error) {
	defer func() { // the service's placement runs on names that may be anything
		if p := recover(); p != nil {
			err = fmt.Errorf("the service panicked: %v", p)
		}
	}()
	switch {
	case it.Gone && !b.later:
		return fmt.Errorf("an item that is gone")
	case len(it.Key) == 0 || b.before != nil && slices.Compare(b.before, it.Key) >= 0:
		return fmt.Errorf("out of order")
	}
	b.before = it.Key
	var hash uint64
	if !it.Gone {
		hash = hashItem(it.Key, it.Value)
		b.sum.add(hash)
	}
	if it.Key[0] == itemVariable {
		return b.addVariable(it, hash)
	}
	return b.addOther(it, hash)
}

// addOther adds an item other than a variable.
func (b *Builder) addOther(it StateItem, hash uint64) (err error) {
	var what label
	switch p, placed := readPlace(it.Key); {
	case it.Key[0] == itemClient && len(it.Key) == len(what):
		copy(what[:], it.Key)
		if c := ids.Client(it.Key[1:]); it.Gone {
			delete(b.r.table.clients, c)
		} else {
			err = b.addClient(c, it.Value)
		}
	case it.Key[0] == itemMeta && len(it.Key) == 1 && !it.Gone:
		what = label{itemMeta}
		err = b.addMeta(it.Value)
	case it.Key[0] == itemOutbox && placed:
		what = placeLabel(itemOutbox, p)
		if delete(b.outbox, p); !it.Gone {
			err = b.addOutgoing(p, it.Value)
		}
	case it.Key[0] == itemQueued && placed:
		what = placeLabel(itemQueued, p)
		if delete(b.queue, p); !it.Gone {
			err = b.addQueued(p, it.Value)
		}
	default:
		return fmt.Errorf("no such kind of item")
	}
	g := b.r.ledger
	if old, had := g.hashes[what]; had {
		b.sum.remove(old)
	}
	if it.Gone {
		g.drop(what)
	} else {
		g.set(what, hash)
	}
	g.undo = nil
	return err
}

func (b *Builder) addVariable(it StateItem, hash uint64) error {
	r := b.r
	if len(it.Key) < 3 || len(it.Key) > 3+MaxName {
		return fmt.Errorf("a key of %d bytes", len(it.Key))
	}
	k := Key{Collection: uint16(it.Key[1])<<8 | uint16(it.Key[2]), Name: string(it.Key[3:])}
	if int(k.Collection) >= len(r.service.Collections) {
		return fmt.Errorf("no collection %d", k.Collection)
	}
	if !r.holds(k) {
		return fmt.Errorf("another partition's variable")
	}
	if v := r.state.find(k); v != nil { // in a later checkpoint
		b.sum.remove(v.digest)
		r.state.sum.remove(v.digest)
		r.state.delete(k)
	}
	if !it.Gone {
		r.state.insert(k, it.Value).digest = hash
		r.state.sum.add(hash)
	}
	return nil
}

func (b *Builder) addClient(c ids.Client, value []byte) error {
	rec, err := decodeClient(c, value)
	if err != nil {
		return err
	}
	b.r.table.clients[c] = rec
	return nil
}

func (b *Builder) addMeta(value []byte) error {
	m, err := decodeMeta(value)
	if err != nil {
		return err
	}
	r := b.r
	switch {
	case m.partition != r.config.Partition:
		return fmt.Errorf("it is of partition %d, not of %d", m.partition, r.config.Partition)
	case m.fingerprint != r.service.Fingerprint():
		return fmt.Errorf("the service has changed: it was %016x and is %016x [C7]", m.fingerprint, r.service.Fingerprint())
	case m.version != r.version():
		return fmt.Errorf("it was taken under map %d, not %d", m.version, r.version())
	}
	if !r.service.Carries(m.inForce) {
		return r.uncarried(m.inForce)
	}
	b.meta = &m
	r.inForce, r.spare.version = m.inForce, m.inForce
	r.last, r.present, r.delivered, r.outcomes = m.last, m.present, m.delivered, m.outcomes
	r.outbox.dropped = m.dropped
	return nil
}

// addOutgoing comes after the meta item, if there is one.
func (b *Builder) addOutgoing(p ids.Position, value []byte) error {
	o, err := decodeOutgoing(p, value)
	if err == nil {
		err = b.placed(p, o.dests, 2)
	}
	if err != nil {
		return err
	}
	b.outbox[p] = o
	return nil
}

func (b *Builder) addQueued(p ids.Position, value []byte) error {
	q, err := decodeQueued(p, value)
	if err == nil {
		err = b.placed(p, q.dests, 1)
	}
	b.queue[p] = q
	return err
}

// placed checks where a command was delivered.
func (b *Builder) placed(p ids.Position, dests ids.Set, least int) error {
	switch {
	case b.meta == nil:
		return fmt.Errorf("no item says what was delivered")
	case b.meta.last.Less(p):
		return fmt.Errorf("it is beyond %v, the last delivered", b.meta.last)
	case len(dests) < least || !dests.Has(b.r.config.Partition) || int(dests[len(dests)-1]) >= len(b.r.config.Replicas):
		return fmt.Errorf("destinations %v", dests)
	}
	return nil
}

// Done makes the replica if the items are those of a checkpoint with this Sum.
// Whatever it has to send, and what its unfinished commands bring about, comes
// with the next Sends; it has not seen the time yet. An error wraps
// ErrCheckpoint. The builder must not be used afterwards.
func (b *Builder) Done(sum Sum) (r *Replica, err error) {
	if b.err == nil {
		b.err = b.finish(sum)
	}
	r, b.r = b.r, nil
	if b.err != nil {
		r.Close()
		return nil, b.err
	}
	return r, nil
}

func (b *Builder) finish(sum Sum) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the service panicked: %v", ErrCheckpoint, p)
		}
	}()
	switch {
	case b.meta == nil:
		return fmt.Errorf("%w: %d items, and none says what was delivered", ErrCheckpoint, b.sum.Count)
	case b.sum != sum:
		return fmt.Errorf("%w: %d items with hash %016x, want %d with %016x: it is damaged or incomplete",
			ErrCheckpoint, b.sum.Count, b.sum.Hash, sum.Count, sum.Hash)
	}
	r := b.r
	r.state.changes.on = r.config.Durable
	b.expect()
	queue := inOrder(b.queue)
	if err := r.resume(queue, inOrder(b.outbox)); err != nil {
		return fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	if r.err != nil {
		return fmt.Errorf("%w: %w", ErrCheckpoint, r.err)
	}
	if r.config.Durable {
		var unfinished []ids.Position
		for _, q := range queue {
			if len(q.dests) > 1 {
				unfinished = append(unfinished, q.Position)
			}
		}
		if b.meta.before.below != (ids.Position{}) {
			r.addMark(b.meta.before)
		}
		m := newMark(b.meta.last, unfinished)
		m.sum = sum
		r.addMark(m)
	}
	return nil
}
