package node

import (
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// donor serves states to other replicas of the partition: durable, a checkpoint
// on disk, which stays readable meanwhile; memory-only, one made for the
// purpose, one at a time. A receiver's new Want ends its older session.
type donor struct {
	n        *Node
	sessions []*serving
	free     time.Duration // when the next chunk may be sent
	again    time.Duration // no checkpoint is made for others before
	served   uint64        // sessions that came to their end
	sent     uint64        // chunks
}

// serving is a session with one receiver.
type serving struct {
	to       ids.Process
	transfer uint64
	base     uint64 // the receiver has this checkpoint; zero: none
	need     Need
	above    uint64 // what is offered has a higher number
	began    time.Duration
	taken    uint64 // bytes delivered when it began
	heard    time.Duration

	manifest *Manifest           // offered; nil: none serves yet
	snapshot *partition.Snapshot // memory-only
	after    []byte              // the key that the last chunk made ends with
	reading  uint64              // the Read under way
	made     uint32              // chunks made
	ended    bool                // the last one is
	// chunks made and not acknowledged. Invariant: they are those from next to
	// made, at most Outstanding and what a large item has.
	chunks []*Chunk
	next   uint32
	sent   uint32 // chunks below were sent
	until  uint32 // chunks below may be sent
}

// servings bounds the sessions of a durable donor.
const servings = 2

// sessionTimeouts failure timeouts of silence end a session.
const sessionTimeouts = 20

func (d *donor) step(from ids.Process, m wire.Message) {
	switch m := m.(type) {
	case *Want:
		d.want(from, m)
	case *Fetch:
		d.fetch(from, m)
	}
	d.advance()
}

// want opens a session, or repeats what came of it.
func (d *donor) want(from ids.Process, m *Want) {
	n := d.n
	s := d.session(from)
	if s != nil && s.transfer != m.Transfer {
		d.end(s)
		s = nil
	}
	if n.receiver.active() || n.replica == nil {
		d.decline(from, m.Transfer, Lost)
		return
	}
	if s == nil {
		if m.Base != 0 && !n.cfg.Durable {
			d.decline(from, m.Transfer, Unknown) // it is not kept
			return
		}
		if limit := d.limit(); len(d.sessions) >= limit {
			d.decline(from, m.Transfer, Busy)
			return
		}
		s = &serving{to: from, transfer: m.Transfer, base: m.Base, need: m.Need, above: m.Base, began: n.now.Mono}
		_, s.taken = n.ridge.Taken()
		if m.Need.Fresh {
			s.above = max(s.above, n.keeper.numbers)
		}
		d.sessions = append(d.sessions, s)
	}
	s.heard, s.need = n.now.Mono, m.Need
	if s.manifest != nil && s.until == 0 && !serves(&s.manifest.Positions, &s.need) {
		// Never another under the same name: its items would be taken for those
		// of the one that was offered.
		d.decline(from, m.Transfer, Unknown)
		d.end(s)
		return
	}
	if s.manifest == nil {
		d.find(s)
	}
	if s.manifest == nil {
		d.decline(from, m.Transfer, Making)
		return
	}
	n.send(ids.To(from), &Offer{Transfer: s.transfer, Manifest: s.manifest})
}

func (d *donor) limit() int {
	if d.n.cfg.Durable {
		return servings
	}
	return 1
}

// find gives a session a checkpoint that serves, or has one made as soon as one
// made now would.
func (d *donor) find(s *serving) {
	n := d.n
	k := &n.keeper
	if m := k.newest.Manifest; m != nil && m.Number > s.above && serves(&m.Positions, &s.need) {
		s.manifest = m
		return
	}
	now := n.ridge.Positions()
	switch {
	case !serves(&now, &s.need) || n.now.Mono < d.again:
	case n.cfg.Durable:
		k.wanted = k.wanted || k.making == nil
	default:
		d.again = n.now.Mono + gapFirst
		s.snapshot = n.replica.Checkpoint()
		s.manifest = &Manifest{Number: 1, Partition: n.partition, Service: n.service(), Version: n.replica.Version(), MapVersion: n.mapVersion(), Positions: now}
	}
}

// serves says whether a replica can go on from a checkpoint there.
func serves(p *ridge.Positions, need *Need) bool {
	if p.Key.Less(need.Key) {
		return false
	}
	for _, at := range need.At {
		if have := find(p.Ensembles, at.Ensemble); have == nil || have.Instance < at.Instance {
			return false
		}
	}
	return true
}

// find is the place in an ensemble, or nil.
func find(list []ridge.At, e ids.Ensemble) *ridge.At {
	for i := range list {
		if list[i].Ensemble == e {
			return &list[i]
		}
	}
	return nil
}

// fetch takes an acknowledgement and how much more may come.
func (d *donor) fetch(from ids.Process, m *Fetch) {
	s := d.session(from)
	if s == nil || s.transfer != m.Transfer || s.manifest == nil {
		d.decline(from, m.Transfer, Unknown)
		return
	}
	if m.Next > s.made || m.Until-m.Next > maxOutstanding {
		d.n.strange++
		return
	}
	s.heard = d.n.now.Mono
	switch {
	case m.Next < s.next:
		return // an older one
	case m.Next == s.next && m.Until <= s.until:
		s.sent = s.next // asked again: what was sent since has been lost
		if s.made == s.next {
			d.decline(from, m.Transfer, Making)
		}
	}
	s.chunks = append(s.chunks[:0], s.chunks[m.Next-s.next:]...)
	s.next, s.sent, s.until = m.Next, max(s.sent, m.Next), max(s.until, m.Until)
	if s.ended && s.next == s.made {
		d.served++
		d.end(s)
	}
}

// advance makes chunks and sends those that may be sent.
func (d *donor) advance() {
	now := d.n.now.Mono
	for _, s := range d.sessions {
		d.make(s)
		for s.sent < s.next+uint32(len(s.chunks)) && s.sent < s.until && d.free <= now {
			c := s.chunks[s.sent-s.next]
			d.n.send(ids.To(s.to), c)
			s.sent++
			d.sent++
			d.free = max(d.free, now) + d.n.cfg.Transfer.pace(len(c.Data))
			d.make(s)
		}
	}
}

// make makes chunks ahead, as many as may be outstanding.
func (d *donor) make(s *serving) {
	t := &d.n.cfg.Transfer
	for s.manifest != nil && !s.ended && s.reading == 0 && len(s.chunks) < t.Outstanding {
		if s.snapshot == nil {
			s.reading = d.n.job(&Read{Number: s.manifest.Number, Base: s.base, After: s.after, Bytes: t.ChunkBytes})
			return
		}
		items := s.snapshot.Next(nil, t.ChunkBytes)
		d.put(s, items, len(items) == 0)
		if err := s.snapshot.Err(); err != nil {
			d.n.fail(err)
			return
		}
	}
}

// read takes what a Read found.
func (d *donor) read(id uint64, r *Result) {
	i := slices.IndexFunc(d.sessions, func(s *serving) bool { return s.reading == id })
	if i < 0 {
		return // of a session that has ended
	}
	s := d.sessions[i]
	s.reading = 0
	if r.Err != nil {
		d.decline(s.to, s.transfer, Unknown)
		d.end(s)
		return
	}
	d.put(s, r.Items, r.End)
	d.advance()
}

// put makes chunks of items: one, unless they are large.
func (d *donor) put(s *serving, items []partition.StateItem, last bool) {
	if len(items) > 0 {
		s.after = slices.Clone(items[len(items)-1].Key)
	}
	data := appendItems(nil, items)
	for most := 2 * d.n.cfg.Transfer.ChunkBytes; len(data) > most; data = data[most:] {
		s.add(&Chunk{More: true, Data: data[:most:most]})
	}
	c := &Chunk{Last: last, Data: data}
	if last {
		c.Sum = s.manifest.Sum
		if s.snapshot != nil {
			c.Sum = s.snapshot.Sum()
		}
	}
	s.add(c)
	s.ended = last
}

func (s *serving) add(c *Chunk) {
	c.Transfer, c.Index = s.transfer, s.made
	c.CRC = c.crc()
	s.chunks = append(s.chunks, c)
	s.made++
}

// tick ends sessions whose receiver is gone or takes too long.
func (d *donor) tick() {
	now, n := d.n.now.Mono, d.n
	for i := len(d.sessions) - 1; i >= 0; i-- {
		if s := d.sessions[i]; now-s.heard > sessionTimeouts*n.cfg.Ridge.FailureTimeout || now-s.began > n.cfg.Transfer.MaxPin {
			d.end(s)
		} else if _, taken := n.ridge.Taken(); taken > s.taken+n.cfg.Transfer.MaxPinBytes {
			d.decline(s.to, s.transfer, Unknown)
			d.end(s)
		}
	}
	d.advance()
}

// unpin ends the sessions that keep old checkpoints on a disk that is full: the
// room is wanted for the next one. Their receivers ask again.
func (d *donor) unpin() {
	for i := len(d.sessions) - 1; i >= 0; i-- {
		if s := d.sessions[i]; s.snapshot == nil && (s.base != 0 || s.manifest != nil) {
			d.decline(s.to, s.transfer, Unknown)
			d.end(s)
		}
	}
}

// wake is when the next chunk may be sent, or a session looked at.
func (d *donor) wake() time.Duration {
	wake := partition.Never
	for _, s := range d.sessions {
		wake = min(wake, s.heard+sessionTimeouts*d.n.cfg.Ridge.FailureTimeout+1, s.began+d.n.cfg.Transfer.MaxPin+1)
		if s.sent < s.next+uint32(len(s.chunks)) && s.sent < s.until {
			wake = min(wake, d.free)
		}
	}
	return wake
}

// pinned is the lowest number of a checkpoint that is being served.
func (d *donor) pinned() uint64 {
	low := uint64(neverTaken)
	for _, s := range d.sessions {
		if s.manifest != nil && s.snapshot == nil {
			low = min(low, s.manifest.Number)
		}
		if s.base != 0 {
			low = min(low, s.base)
		}
	}
	return low
}

func (d *donor) session(p ids.Process) *serving {
	for _, s := range d.sessions {
		if s.to == p {
			return s
		}
	}
	return nil
}

func (d *donor) end(s *serving) {
	d.sessions = slices.DeleteFunc(d.sessions, func(t *serving) bool { return t == s })
}

// endAll ends all sessions: this process needs a state itself.
func (d *donor) endAll() {
	for _, s := range d.sessions {
		d.decline(s.to, s.transfer, Lost)
	}
	d.sessions = nil
}

func (d *donor) decline(to ids.Process, transfer uint64, why Reason) {
	d.n.send(ids.To(to), &Decline{Transfer: transfer, Why: why})
}
