package etcdraft

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"

	"github.com/eyrie-dev/eyrie/bench"
)

// remote is a client on the network. A frame to the leader holds commands,
// each a slot and a command; a frame back holds the slots of those applied.
type remote struct {
	link *link

	mu      sync.Mutex
	pending []byte
	done    []func(error) // by slot
	// batched, if not nil, is told of the slots of a frame in place of their callbacks.
	batched func(slots []uint32, err error)
	slots   []uint32 // replies' own
}

func (r *remote) submit(op bench.Op, done func(error)) {
	r.mu.Lock()
	r.done[op.Slot] = done
	r.pending = binary.LittleEndian.AppendUint32(r.pending, uint32(op.Slot))
	r.pending = appendCommand(r.pending, proposal{key: op.Key, value: op.Value})
	r.mu.Unlock()
}

func (r *remote) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == 0 {
		return nil
	}
	err := r.link.frame(func(b []byte) ([]byte, error) { return append(b, r.pending...), nil })
	r.pending = r.pending[:0]
	return err
}

// replies completes what a frame of replies names.
func (r *remote) replies(body []byte, _ bool) error {
	r.mu.Lock()
	batched := r.batched
	r.mu.Unlock()
	r.slots = r.slots[:0]
	for ; len(body) >= 4; body = body[4:] {
		slot := binary.LittleEndian.Uint32(body)
		if slot >= uint32(len(r.done)) {
			return errFrame
		}
		if r.slots = append(r.slots, slot); batched != nil {
			continue
		}
		r.mu.Lock()
		done := r.done[slot]
		r.done[slot] = nil
		r.mu.Unlock()
		if done == nil {
			return errFrame
		}
		done(nil)
	}
	if batched != nil && len(r.slots) > 0 {
		batched(r.slots, nil)
	}
	return nil
}

// session is the leader's side. Only the goroutine that steps the node uses
// out.
type session struct {
	link *link
	out  []byte
}

// reply notes that a command was applied. A failed one is not answered: the
// client finds it lost.
func (c *session) reply(slot uint32, err error) {
	if err == nil {
		c.out = binary.LittleEndian.AppendUint32(c.out, slot)
	}
}

func (c *session) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	err := c.link.frame(func(b []byte) ([]byte, error) { return append(b, c.out...), nil })
	c.out = c.out[:0]
	return err
}

// commands proposes what a frame of commands holds.
func (c *session) commands(n *node, body []byte) error {
	var props []proposal
	for b := body; len(b) > 0; {
		if len(b) < 4+commandHead || len(b)-4-commandHead < int(binary.LittleEndian.Uint32(b[8:])) {
			return errFrame
		}
		size := 4 + commandHead + int(binary.LittleEndian.Uint32(b[8:]))
		props = append(props, proposal{session: c, slot: binary.LittleEndian.Uint32(b),
			key: binary.LittleEndian.Uint32(b[4:]), value: b[4+commandHead : size : size]})
		b = b[size:]
	}
	n.post(func() { n.props = append(n.props, props...) })
	return nil
}

// dial connects a client to the leader.
func (s *System) dial(ctx context.Context) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	var d net.Dialer
	near, err := d.DialContext(ctx, "tcp", ln.Addr().String())
	if err != nil {
		return err
	}
	far, err := ln.Accept()
	if err != nil {
		return errors.Join(err, near.Close())
	}
	front, err := newLink(near.(*net.TCPConn))
	if err != nil {
		return err
	}
	back, err := newLink(far.(*net.TCPConn))
	if err != nil {
		return err
	}
	s.remote = &remote{link: front, done: make([]func(error), s.outstanding)}
	sess := &session{link: back}
	s.leader.ask(func() { s.leader.session = sess })
	s.work.Go(front.run)
	s.work.Go(back.run)
	s.work.Go(func() { s.fail(frames(near, s.remote.replies)) })
	s.work.Go(func() {
		s.fail(frames(far, func(body []byte, _ bool) error { return sess.commands(s.leader, body) }))
	})
	return nil
}
