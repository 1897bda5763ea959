package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// dialing keeps the link to a process connected.
func (t *TCP) dialing(l *link) {
	pause := t.tuning.BackoffMin
	var last string
	for t.ctx.Err() == nil {
		c, err := t.dial(l)
		t.linked(l, err)
		switch {
		case err == nil:
			t.log.Info("connected", "to", l.to.String(), "addr", l.address())
			began := time.Now()
			err = t.reading(c, t.cfg.Self.Process != 0)
			l.detach(c)
			t.forget(c)
			t.linked(l, err)
			if t.ctx.Err() == nil {
				t.log.Info("connection lost", "to", l.to.String(), "err", err)
			}
			if time.Since(began) > 10*t.tuning.BackoffMin {
				pause = t.tuning.BackoffMin
			}
			last = ""
		case t.ctx.Err() != nil:
			return
		default:
			l.drop()
			if errors.Is(err, ErrRefused) {
				pause = t.tuning.BackoffMax
			}
			if s := err.Error(); s != last { // once, not once a second
				t.log.Warn("cannot connect", "to", l.to.String(), "addr", l.address(), "err", err)
				last = s
			}
		}
		// From half to the whole of it, so that processes that lost each
		// other at once do not come back at once.
		d := pause/2 + rand.N(pause/2+1)
		pause = min(2*pause, t.tuning.BackoffMax)
		select {
		case <-time.After(d):
		case <-t.ctx.Done():
		}
	}
}

// linked tells the owner how the link stands.
func (t *TCP) linked(l *link, err error) {
	if t.cfg.Linked != nil && t.ctx.Err() == nil {
		t.cfg.Linked(l.to.Process, err)
	}
}

// drop drops what waited for an attempt that has failed.
func (l *link) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
}

// dial makes one attempt.
func (t *TCP) dial(l *link) (*conn, error) {
	ctx, cancel := context.WithTimeout(t.ctx, t.tuning.DialTimeout)
	defer cancel()
	nc, err := t.cfg.Dial(ctx, "tcp", l.address())
	if err != nil {
		t.count.dialsFailed.Add(1)
		return nil, fmt.Errorf("transport: %w", err)
	}
	a, err := t.greet(nc, l)
	if err != nil {
		nc.Close()
		if errors.Is(err, ErrRefused) {
			t.count.refused.Add(1)
		} else {
			t.count.dialsFailed.Add(1)
		}
		return nil, fmt.Errorf("transport: %w", err)
	}
	c := newConn(nc, l.to, a.inc, l)
	if err := t.know(c, false); err != nil {
		nc.Close()
		return nil, err
	}
	if !l.attach(c) {
		t.forget(c)
		return nil, ErrClosed
	}
	t.count.handshook.Add(1)
	l.flush(false) // what waited for the connection
	return c, nil
}

// greet says hello and reads the answer.
func (t *TCP) greet(nc net.Conn, l *link) (a answer, err error) {
	stop := context.AfterFunc(t.ctx, func() { nc.Close() })
	defer stop()
	if err := nc.SetDeadline(time.Now().Add(t.tuning.Handshake)); err != nil {
		return a, err
	}
	h := hello{
		from: t.cfg.Self, inc: t.cfg.Incarnation, to: l.to.Process,
		service: t.cfg.Service, layout: t.cfg.Layout, settings: t.cfg.Settings, cluster: t.cfg.Cluster,
	}
	if _, err := nc.Write(packet(Version, h.append(nil))); err != nil {
		return a, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	_, body, err := readPacket(nc)
	if err != nil {
		return a, unanswered(l.address(), err)
	}
	if a, err = decodeAnswer(body); err != nil {
		return a, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	if a.code != 0 {
		return a, a.heard()
	}
	if a.process != l.to.Process || a.inc == 0 {
		return a, fmt.Errorf("%w: %v answered instead of %v", ErrProcess, a.process, l.to)
	}
	return a, nc.SetDeadline(time.Time{})
}

// unanswered says what is at an address that gave no answer to a hello. Who closes the
// connection, or says nothing, may be a process that has ended or stands still.
func unanswered(addr string, err error) error {
	switch {
	case errors.Is(err, errMagic):
		return fmt.Errorf("%w at %s: %w", ErrStranger, addr, err)
	case errors.Is(err, io.EOF), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s takes connections and does not answer: a process that stands still, or something that is not Eyrie: %w", addr, err)
	}
	return err
}

// address is where the link's process is.
func (l *link) address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.addr
}

// Move has process p dialed at another address from now on.
func (t *TCP) Move(p ids.Process, addr string) {
	l := t.peers[p]
	if l == nil {
		return
	}
	l.mu.Lock()
	c := l.c
	moved := l.addr != addr
	l.addr = addr
	l.mu.Unlock()
	if moved && c != nil {
		c.Close()
	}
}
