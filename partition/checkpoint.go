package partition

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// meta is a checkpoint's one item of that kind.
type meta struct {
	partition   ids.Partition
	fingerprint uint64 // of the service
	version     uint64 // of the map
	inForce     uint32 // version of the service
	last        ids.Position
	present     hlc.Timestamp
	delivered   uint64
	outcomes    uint64
	dropped     ids.Position // outbox.dropped
	// before is the mark of the checkpoint before, which is the older one when
	// this is the newest.
	before mark
}

// Checkpoint takes a checkpoint of the replica as it is: everything up to
// Status.Position has been consumed, and what is delivered and unfinished is in
// it [C2, N3]. A durable replica gives what has changed since the last
// Checkpoint, or since it was restored; the first one of a new replica has
// everything. One that is not durable always gives everything, with keys
// ascending. It takes time for each command under way and each client that was
// heard of since, and none for each variable.
//
// The Snapshot before must have been read to its end, or abandoned, and must no
// longer be in use. Nil if the replica is down.
func (r *Replica) Checkpoint() *Snapshot {
	if r.down() {
		return nil
	}
	l := &r.state.changes
	s := &Snapshot{
		meta: meta{
			partition: r.config.Partition, fingerprint: r.service.Fingerprint(), version: r.version(),
			last: r.last, present: r.present, delivered: r.delivered, outcomes: r.outcomes,
			dropped: r.outbox.dropped, inForce: r.inForce,
		},
		durable: l.on, ledger: r.ledger,
	}
	if !l.on {
		s.ledger = newLedger()
		r.captureAll(s)
		return s
	}
	for i := range r.marks { // the one before is read to its end
		if m := &r.marks[i]; m.snap != nil {
			m.sum, m.snap = m.snap.final, nil
		}
	}
	if n := len(r.marks); n > 0 {
		s.meta.before = r.marks[n-1]
	}
	s.ledger.undo, s.ledger.before = nil, s.ledger.sum
	s.variables, s.changed = r.state.sum, l.chunks
	r.captureClients(s, l.clients)
	for _, o := range l.outbox {
		if !o.dropped {
			o.kept = true
			s.outbox = append(s.outbox, o)
		}
	}
	r.captureQueue(s)
	s.gone = l.gone
	l.next()
	r.taken = s
	m := newMark(s.meta.last, s.unfinished)
	m.snap = s
	r.addMark(m)
	return s
}

// captureAll is for a replica that has not noted what changed.
func (r *Replica) captureAll(s *Snapshot) {
	clients := make([]ids.Client, 0, len(r.table.clients))
	for c := range r.table.clients {
		clients = append(clients, c)
	}
	slices.SortFunc(clients, func(a, b ids.Client) int { return slices.Compare(a[:], b[:]) })
	r.captureClients(s, clients)
	for _, o := range r.outbox.line.all() {
		if o.finished && !o.dropped {
			s.outbox = append(s.outbox, o)
		}
	}
	r.captureQueue(s)
	var all changes
	for i := range r.state.collections {
		r.state.collections[i].ordered.Scan(func(_ string, v *variable) bool {
			all.put(change{v: v, value: v.value})
			return true
		})
	}
	s.changed = all.chunks
}

// captureClients copies the records of clients: entries change in place.
func (r *Replica) captureClients(s *Snapshot, clients []ids.Client) {
	s.clients = make([]clientRecord, 0, len(clients))
	var slab []entry
	for _, c := range clients {
		rec := r.table.clients[c]
		if rec == nil {
			s.clients = append(s.clients, clientRecord{client: c, gone: true})
			continue
		}
		if l := &r.state.changes; s.durable {
			if rec.taken == l.epoch {
				continue // it was forgotten and came again
			}
			rec.taken = l.epoch
		}
		live := rec.live()
		if cap(slab)-len(slab) < len(live) {
			slab = make([]entry, 0, max(len(live), 1024))
		}
		n := len(slab)
		slab = append(slab, live...)
		s.clients = append(s.clients, clientRecord{
			client: c, mark: rec.mark, expires: rec.expires, entries: slab[n:len(slab):len(slab)],
		})
	}
}

// captureQueue copies what a checkpoint does not have of the unfinished
// commands. What they have shipped is left out: whoever writes what they read
// comes after them, so their code, run again from the start, finds and ships
// the same. Reads are nobody's: clients ask again.
func (r *Replica) captureQueue(s *Snapshot) {
	for _, c := range r.queue.all() {
		if c.finished {
			continue
		}
		if c.out != nil {
			s.unfinished = append(s.unfinished, c.Position)
		}
		if s.durable && !c.changed {
			continue
		}
		if s.durable {
			c.kept, c.changed = true, false
		}
		q := queued{
			Tag: c.Tag, dests: c.dests, proposed: c.proposed, nearest: c.nearest, body: c.body,
			sent: c.out != nil && c.out.sentSignal, version: c.version,
		}
		for i := range c.in.peers {
			p := &c.in.peers[i]
			q.peers = append(q.peers, Exchange{
				Tag: c.Tag, Signal: p.signalled, Vars: slices.Clone(p.vars), Parts: slices.Clone(p.parts),
			})
		}
		s.queue = append(s.queue, q)
	}
}

// Abandon says that the last Checkpoint came to nothing: what it held counts as
// changed again, and the next one is relative to the one before it. Its
// Snapshot must no longer be in use.
func (r *Replica) Abandon() {
	s, l := r.taken, &r.state.changes
	if s == nil {
		return
	}
	r.taken = nil
	r.marks = slices.DeleteFunc(r.marks, func(m mark) bool { return m.snap == s })
	r.ledger.revert()
	l.merge(r.state, s.changed)
	// What came and went since the one before is in no checkpoint. To go on
	// noting it would have no end where there is no room for any for long.
	unknown := func(what label) bool { _, had := r.ledger.hashes[what]; return !had }
	for _, c := range s.clients {
		if rec := r.table.clients[c.client]; rec != nil {
			l.client(rec)
		} else if !unknown(clientLabel(c.client)) {
			l.clients = append(l.clients, c.client)
		}
	}
	l.outbox = append(slices.DeleteFunc(s.outbox, func(o *outgoing) bool { return o.dropped }), l.outbox...)
	l.gone = slices.DeleteFunc(append(s.gone, l.gone...), unknown)
	for _, c := range r.queue.all() {
		c.changed = true
	}
}

// Pending is what a checkpoint would allow others to forget: the finished
// commands of several destinations since the last, whether or not this replica
// keeps anything about them, and their bytes. It is zero if the replica is not
// durable.
func (r *Replica) Pending() (exchanges, bytes int) {
	return r.state.changes.exchanges, r.state.changes.size
}
