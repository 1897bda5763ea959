package transport

// writeChunk is how much a slow connection must take within Tuning.Stall.
const writeChunk = 256 << 10

// take takes the right to write and what is to be written; nil if there is
// nothing, no connection, or somebody else is at it. A right that has been
// taken ends with release.
func (l *link) take() (*conn, []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c == nil || l.c.writing || len(l.pending) == 0 {
		return nil, nil
	}
	l.c.writing = true
	return l.c, l.swap()
}

func (l *link) swap() []byte {
	l.sealOpen()
	b := l.pending
	l.pending = nil
	l.t.count.messagesOut.Add(uint64(l.messages))
	l.messages = 0
	return b
}

// release gives the right to write back, unless more has come meanwhile for
// the same connection: then it returns that.
func (l *link) release(c *conn, written []byte) []byte {
	l.written(written)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.c == c && len(l.pending) > 0 {
		return l.swap()
	}
	c.writing = false
	return nil
}

func (l *link) written(b []byte) {
	if l.to.Process == 0 {
		l.t.clientBytes.Add(-int64(len(b)))
	}
	putBuffer(b)
}

// flush writes what is pending. Inline it writes what the socket takes at
// once; the rest is a goroutine's.
func (l *link) flush(inline bool) {
	c, b := l.take()
	if b == nil {
		return
	}
	if !inline {
		l.handOver(c, b, 0)
		return
	}
	for b != nil {
		n, err := c.raw.try(b)
		c.writes.Add(1)
		l.t.count.wrote(n)
		if err != nil {
			c.Close() // its reader ends and clears up
		} else if n < len(b) {
			l.handOver(c, b, n)
			return
		}
		b = l.release(c, b)
	}
}

// handOver lets a goroutine write b from byte n on, and what gathers
// meanwhile. The caller holds the right to write.
func (l *link) handOver(c *conn, b []byte, n int) {
	t := l.t
	if !t.spawn() {
		l.release(c, b)
		return
	}
	t.count.handovers.Add(1)
	go func() {
		defer t.wg.Done()
		for b != nil {
			c.busy.Store(true)
			for err := error(nil); n < len(b) && err == nil; {
				var m int
				m, err = c.Write(b[n:min(n+writeChunk, len(b))])
				n += m
				c.writes.Add(1)
				t.count.wrote(m)
				if err != nil {
					c.Close()
				}
			}
			c.busy.Store(false)
			n = 0
			b = l.release(c, b)
		}
	}()
}

// beat queues an empty frame and has it written.
func (l *link) beat() {
	l.mu.Lock()
	if l.c != nil && !l.c.writing && len(l.pending) == 0 {
		b := l.frame()
		if l.to.Process == 0 {
			l.t.clientBytes.Add(int64(len(b)))
		}
	}
	l.mu.Unlock()
	l.flush(false)
}
