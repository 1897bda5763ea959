package transport

// writeChunk is how much a slow connection must take within Tuning.Stall.
const writeChunk = 256 << 10

// take takes the right to write and what is to be written; not ok if there is
// nothing, no connection, or somebody else is at it. A right that has been taken
// ends with release.
func (l *link) take() (c *conn, o outgoing, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c == nil || l.c.writing || len(l.pending.b) == 0 {
		return nil, o, false
	}
	l.c.writing = true
	return l.c, l.swap(), true
}

func (l *link) swap() outgoing {
	o := l.pending
	o.seal()
	l.t.count.framesOut.Add(uint64(o.frames))
	l.pending = outgoing{}
	l.t.count.messagesOut.Add(uint64(l.messages))
	l.messages = 0
	return o
}

// release gives the right to write back, unless more has come meanwhile for
// the same connection: then it returns that.
func (l *link) release(c *conn, written *outgoing) (more outgoing, ok bool) {
	l.written(written)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c == c && len(l.pending.b) > 0 {
		return l.swap(), true
	}
	c.writing = false
	return more, false
}

func (l *link) written(o *outgoing) {
	if l.to.Process == 0 {
		l.t.clientBytes.Add(-int64(o.size()))
	}
	o.leave()
}

// flush writes what is pending. Inline it writes what the socket takes at
// once; the rest is a goroutine's.
func (l *link) flush(inline bool) {
	c, o, ok := l.take()
	if ok && !inline {
		l.handOver(c, o, 0)
		return
	}
	for ok {
		c.pieces = o.rest(c.pieces[:0], 0)
		n, err := c.raw.try(c.pieces)
		clear(c.pieces)
		c.writes.Add(1)
		l.t.count.wrote(n)
		if err != nil {
			c.Close() // its reader ends and clears up
		} else if n < o.size() {
			l.handOver(c, o, n)
			return
		}
		o, ok = l.release(c, &o)
	}
}

// handOver lets a goroutine write o from byte n on, and what gathers
// meanwhile. The caller holds the right to write.
func (l *link) handOver(c *conn, o outgoing, n int) {
	t := l.t
	if !t.spawn() {
		l.release(c, &o)
		return
	}
	t.count.handovers.Add(1)
	go func() {
		defer t.wg.Done()
		for ok := true; ok; {
			c.busy.Store(true)
			l.writeAll(c, o.rest(nil, n))
			c.busy.Store(false)
			n = 0
			o, ok = l.release(c, &o)
		}
	}()
}

// writeAll writes pieces and waits for the socket.
func (l *link) writeAll(c *conn, ps [][]byte) {
	for _, p := range ps {
		for len(p) > 0 {
			n, err := c.Write(p[:min(len(p), writeChunk)])
			c.writes.Add(1)
			l.t.count.wrote(n)
			if err != nil {
				c.Close()
				return
			}
			p = p[n:]
		}
	}
}

// beat queues an empty frame and has it written.
func (c *conn) beat(inline bool) {
	c.due.Store(false)
	l := c.link
	l.mu.Lock()
	if l.c != nil && !l.c.writing && len(l.pending.b) == 0 {
		l.buffer()
		l.pending.begin()
		if l.to.Process == 0 {
			l.t.clientBytes.Add(int64(len(l.pending.b)))
		}
	}
	l.mu.Unlock()
	l.flush(inline)
}
