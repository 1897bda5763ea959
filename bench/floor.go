package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Floor is what a replicated system cannot beat on a machine: a leader queues
// operations, frames them, sends them to two followers over TCP, and completes
// an operation when one follower has acknowledged it (with the leader, a
// majority of three). The followers count, and keep the last value. There are
// no elections, no log, no recovery and, in the steady state, no allocations:
// it is for orientation, and not a peer.
//
// In a case with a folder, all three append what they get to a file and sync it,
// and an operation is complete when the leader and one follower have: the least
// that a durable majority of three costs.
//
// One frame is in flight to each follower, and what comes meanwhile is
// gathered for the next; whoever has the batch (the submitter, or the reader
// of an acknowledgement) writes it.
type Floor struct {
	c         Case
	links     []*floorLink
	listener  net.Listener
	followers sync.WaitGroup
	readers   sync.WaitGroup
	journals  []*floorJournal // to be closed
	// batched is told of what has completed, in place of callbacks, or nil.
	batched func(slots []uint32, err error)

	mu        sync.Mutex
	submitted uint64
	completed uint64
	waiting   []floorOp // ring: operation i is at i % len
	failed    error
	own       floorOwn
}

// floorLink is the leader's side of a connection to a follower.
type floorLink struct {
	conn net.Conn

	// pending is the next frame, first being its header. Guarded by Floor.mu,
	// as all below.
	pending []byte
	spare   []byte
	count   uint32 // operations in pending
	acked   uint64
	flying  bool // a frame is not acknowledged
	writing bool // a goroutine is in send, and owns the frame
}

// floorOp is an operation that waits.
type floorOp struct {
	slot uint32
	done func(error)
}

// floorHeader is a frame's length and its number of operations.
const floorHeader = 8

// floorLag bounds how far the slower follower falls behind, and so memory.
const floorLag = 1 << 16

// NewFloor makes the floor for a case; partitions are ignored.
func NewFloor(c Case) System {
	return &Floor{c: c, waiting: make([]floorOp, max(c.Outstanding, 1))}
}

// Start implements System.
func (f *Floor) Start(ctx context.Context) error {
	var err error
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	journals := make([]*floorJournal, 3)
	if f.c.Dir != "" {
		if err := f.openJournals(journals); err != nil {
			return err
		}
	}
	for i := range 2 {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", f.listener.Addr().String())
		if err != nil {
			return err
		}
		l := &floorLink{conn: c, pending: make([]byte, floorHeader), spare: make([]byte, floorHeader)}
		f.links = append(f.links, l)
		follower, err := f.listener.Accept()
		if err != nil {
			return err
		}
		f.followers.Go(func() { f.follow(follower, journals[i+1]) })
		f.readers.Go(func() { f.acks(l) })
	}
	if f.own.journal != nil {
		f.readers.Go(f.keep)
	}
	return nil
}

// Submit implements System.
func (f *Floor) Submit(op Op, done func(error)) {
	f.mu.Lock()
	if err := f.failed; err != nil {
		f.mu.Unlock()
		f.complete(nil, []floorOp{{uint32(op.Slot), done}}, err)
		return
	}
	f.waiting[f.submitted%uint64(len(f.waiting))] = floorOp{uint32(op.Slot), done}
	f.submitted++
	for _, l := range f.links {
		l.pending = binary.LittleEndian.AppendUint32(l.pending, op.Key)
		l.pending = append(l.pending, op.Value...)
		l.count++
	}
	if o := &f.own; o.journal != nil {
		o.pending = binary.LittleEndian.AppendUint32(o.pending, op.Key)
		o.pending = append(o.pending, op.Value...)
		o.count++
	}
	f.mu.Unlock()
}

// Flush implements System.
func (f *Floor) Flush() {
	for _, l := range f.links {
		f.mu.Lock()
		f.send(l)
	}
	f.own.more.Signal()
}

// send writes l's next frame unless one is in flight or there is nothing to
// send. It is entered with mu held, and releases it. An acknowledgement may
// overtake the return of its own write; then the writer goes round again.
func (f *Floor) send(l *floorLink) {
	for !l.flying && !l.writing && l.count > 0 {
		frame := l.pending
		binary.LittleEndian.PutUint32(frame, uint32(len(frame)-floorHeader))
		binary.LittleEndian.PutUint32(frame[4:], l.count)
		l.pending = l.spare[:floorHeader]
		l.count, l.flying, l.writing = 0, true, true
		f.mu.Unlock()
		_, err := l.conn.Write(frame)
		f.mu.Lock()
		l.spare, l.writing = frame, false
		if err != nil {
			f.mu.Unlock()
			f.fail(err)
			return
		}
	}
	f.mu.Unlock()
}

// acks reads l's acknowledgements: 4 bytes, how many operations.
func (f *Floor) acks(l *floorLink) {
	var b [4]byte
	var ready []floorOp
	var slots []uint32
	for {
		if _, err := io.ReadFull(l.conn, b[:]); err != nil {
			f.fail(err)
			return
		}
		f.mu.Lock()
		l.acked += uint64(binary.LittleEndian.Uint32(b[:]))
		l.flying = false
		ready = f.commit(ready[:0])
		f.send(l)
		slots = f.complete(slots[:0], ready, nil)
	}
}

// complete ends operations. It returns slots, where theirs are put.
func (f *Floor) complete(slots []uint32, ready []floorOp, err error) []uint32 {
	for _, op := range ready {
		if f.batched == nil {
			op.done(err)
		} else {
			slots = append(slots, op.slot)
		}
	}
	if len(slots) > 0 {
		f.batched(slots, err)
	}
	return slots
}

// Batched implements Batcher: acknowledgements complete what they cover, unless
// the leader's journal does.
func (f *Floor) Batched(all func(slots []uint32, err error)) bool {
	if f.c.Dir == "" {
		f.batched = all
	}
	return f.c.Dir == ""
}

// commit takes the operations that one follower and the leader have.
func (f *Floor) commit(ready []floorOp) []floorOp {
	a, b := f.links[0].acked, f.links[1].acked
	to := min(max(a, b), min(a, b)+floorLag)
	if f.own.journal != nil {
		to = min(to, f.own.durable)
	}
	for ; f.completed < to; f.completed++ {
		ready = append(ready, f.waiting[f.completed%uint64(len(f.waiting))])
	}
	return ready
}

// fail ends every waiting operation with err, once.
func (f *Floor) fail(err error) {
	f.mu.Lock()
	if f.failed != nil {
		f.mu.Unlock()
		return
	}
	f.failed = err
	f.own.more.Broadcast()
	var ready []floorOp
	for ; f.completed < f.submitted; f.completed++ {
		ready = append(ready, f.waiting[f.completed%uint64(len(f.waiting))])
	}
	f.mu.Unlock()
	f.complete(nil, ready, err)
}

// follow is a follower: it reads frames, keeps each operation's value, and
// acknowledges, if it has a journal, when that has them.
func (f *Floor) follow(c net.Conn, journal *floorJournal) {
	defer c.Close()
	state := make([]byte, Keys*8)
	var header [floorHeader]byte
	var body []byte
	for {
		if _, err := io.ReadFull(c, header[:]); err != nil {
			return
		}
		size, count := int(binary.LittleEndian.Uint32(header[:])), int(binary.LittleEndian.Uint32(header[4:]))
		if size > cap(body) {
			body = make([]byte, 2*size)
		}
		body = body[:size]
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		if journal != nil {
			if err := journal.append(body); err != nil {
				f.fail(err)
				return
			}
		}
		each := size / count
		for i := range count {
			op := body[i*each : (i+1)*each]
			copy(state[8*binary.LittleEndian.Uint32(op):][:8], op[4:])
		}
		if _, err := c.Write(header[4:]); err != nil {
			return
		}
	}
}

// CPU implements System: there are no other processes.
func (f *Floor) CPU() time.Duration { return 0 }

// Close implements System.
func (f *Floor) Close() error {
	var err error
	if f.listener != nil {
		err = f.listener.Close()
	}
	for _, l := range f.links {
		err = errors.Join(err, l.conn.Close())
	}
	f.fail(net.ErrClosed)
	f.followers.Wait()
	f.readers.Wait()
	for _, j := range f.journals {
		err = errors.Join(err, j.file.Close())
	}
	return err
}
