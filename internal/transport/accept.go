package transport

import (
	"errors"
	"net"
	"slices"
	"time"
)

// accepting accepts connections until the listener is closed.
func (t *TCP) accepting() {
	for {
		nc, err := t.cfg.Listener.Accept()
		if err != nil {
			if t.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors, mostly: connections must end first.
			t.log.Warn("cannot accept", "err", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-t.ctx.Done():
			}
			continue
		}
		if !t.queue(nc) {
			nc.Close()
			return
		}
		go func() {
			defer t.wg.Done()
			t.serve(nc)
		}()
	}
}

// queue lists a connection as one without a handshake. When there are too
// many, the oldest goes: an honest one is done within milliseconds, so those
// that only hold a place are the oldest. It announces a goroutine.
func (t *TCP) queue(nc net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.wg.Add(1)
	if len(t.greeting) >= t.tuning.MaxHandshakes {
		t.greeting[0].Close() // its goroutine finds out
		t.greeting = slices.Delete(t.greeting, 0, 1)
		t.count.overflowed.Add(1)
	}
	t.greeting = append(t.greeting, nc)
	return true
}

// unqueue ends a connection's time on that list. The caller holds the lock.
func (t *TCP) unqueue(nc net.Conn) {
	if i := slices.Index(t.greeting, nc); i >= 0 {
		t.greeting = slices.Delete(t.greeting, i, i+1)
	}
}

// serve is an accepted connection's life.
func (t *TCP) serve(nc net.Conn) {
	defer nc.Close()
	c, err := t.welcome(nc)
	if err != nil {
		t.mu.Lock()
		t.unqueue(nc)
		t.mu.Unlock()
	}
	var no *refusal
	switch {
	case errors.As(err, &no):
		t.count.refusedOthers.Add(1)
		if t.mayWarn(time.Now()) {
			t.log.Warn("connection refused", "from", nc.RemoteAddr().String(), "reason", no.reason)
		}
		return
	case err != nil:
		t.count.badHandshakes.Add(1)
		t.log.Debug("no handshake", "from", nc.RemoteAddr().String(), "err", err)
		return
	}
	c.link.flush(false) // what came between the answer and attach
	t.log.Debug("connection accepted", "from", c.from.String(), "addr", nc.RemoteAddr().String())
	err = t.reading(c, false)
	t.forget(c)
	c.link.close()
	t.log.Debug("connection ended", "from", c.from.String(), "err", err)
}

// welcome does the accepting side of the handshake.
func (t *TCP) welcome(nc net.Conn) (*conn, error) {
	if err := nc.SetDeadline(time.Now().Add(t.tuning.Handshake)); err != nil {
		return nil, err
	}
	version, body, err := readPacket(nc)
	if err != nil {
		return nil, err
	}
	h, err := t.judge(version, body)
	var c *conn
	if err == nil {
		c = newConn(nc, h.from, h.inc, &link{t: t, to: h.from})
		c.operator = h.operator() && t.cfg.Service != 0
		err = t.know(c, true)
	}
	a := answer{process: t.cfg.Self.Process, inc: t.cfg.Incarnation}
	var no *refusal
	if errors.As(err, &no) {
		a.refusal = *no
	} else if err != nil {
		return nil, err
	}
	_, werr := nc.Write(packet(Version, a.append(nil)))
	if err != nil {
		return nil, err
	}
	if werr == nil {
		werr = nc.SetDeadline(time.Time{})
	}
	if werr != nil || !c.link.attach(c) { // only now may messages follow the answer
		t.forget(c)
		return nil, errors.Join(werr, ErrHandshake)
	}
	return c, nil
}

// judge decides what can be decided from the hello alone.
func (t *TCP) judge(version uint16, body []byte) (h hello, err error) {
	if version != Version {
		return h, refuse(ErrVersion, "%v speaks version %d of the protocol, the caller version %d",
			t.cfg.Self, Version, version)
	}
	if h, err = decodeHello(body); err != nil {
		return h, err
	}
	self := t.cfg.Self.Process
	switch {
	case h.cluster != t.cfg.Cluster:
		return h, refuse(ErrCluster, "%v belongs to cluster %q, %v to %q", t.cfg.Self, t.cfg.Cluster, h.from, h.cluster)
	case h.service != t.cfg.Service && !h.operator():
		return h, refuse(ErrService, "%v holds service %016x, %v holds %016x: start all processes and clients from the same build",
			t.cfg.Self, t.cfg.Service, h.from, h.service)
	case h.to != self:
		return h, refuse(ErrProcess, "this address is process %d's, the caller looks for process %d", self, h.to)
	case h.from.Process == self:
		return h, refuse(ErrDuplicate, "process %d is this one: another was started with its id", self)
	case h.layout != t.cfg.Layout || h.from.Process != 0 && h.settings != t.cfg.Settings:
		return h, refuse(ErrLayout, "%v and %v are configured with other partitions, replicas, times, bounds or ways of execution, or one keeps its state on a disk and the other in memory: give both the same cluster file, and both a directory or none", t.cfg.Self, h.from)
	case h.from.Process != 0 && t.peers[h.from.Process] == nil:
		return h, refuse(ErrProcess, "process %d is not in process %d's configuration", h.from.Process, self)
	}
	return h, nil
}

// enter decides what depends on who else is connected, and enters an accepted
// connection. A newer one of the same sender replaces an older one, which may
// be half open. The caller holds the lock.
func (t *TCP) enter(c *conn) error {
	var old *conn
	if p := c.from.Process; p != 0 {
		old = t.processes[p]
		if old != nil && old.inc != c.inc && time.Since(old.quietSince) < 2*t.tuning.Beat {
			old.cool() // it may have ended
			return refuse(ErrDuplicate, "process %d is connected from %v, alive, in another incarnation",
				p, old.RemoteAddr())
		}
		t.processes[p] = c
	} else {
		old = t.clients[c.from.Client]
		if old == nil && len(t.clients) >= t.tuning.MaxClients {
			return refuse(ErrBusy, "process %d has %d clients", t.cfg.Self.Process, len(t.clients))
		}
		t.clients[c.from.Client] = c
	}
	if old != nil {
		old.Close() // its reader ends and clears up
	}
	return nil
}

// mayWarn is true once a second: whoever knocks must not fill the log.
func (t *TCP) mayWarn(now time.Time) bool {
	last := t.warned.Load()
	return now.UnixNano()-last > int64(time.Second) && t.warned.CompareAndSwap(last, now.UnixNano())
}
