package transport

import "time"

// watching looks at all connections once a tick: it closes those that are
// silent or stuck, and sees to beats over those that have nothing to say. One
// goroutine with coarse ticks stands in for a deadline per read and write,
// which would cost a timer's change each.
func (t *TCP) watching() {
	beat := min(t.tuning.Beat, t.tuning.ClientBeat)
	tick := time.NewTicker(max(beat/2, time.Millisecond))
	defer tick.Stop()
	var conns []*conn
	for {
		select {
		case <-t.ctx.Done():
			return
		case now := <-tick.C:
			conns = t.look(now, conns[:0])
			clear(conns)
		}
	}
}

// hotReads is how many reads between two looks make a connection hot: so many that
// it does not cool between heartbeats alone.
const hotReads = 64

func (t *TCP) look(now time.Time, conns []*conn) []*conn {
	t.mu.Lock()
	for c := range t.conns {
		n := c.reads.Load()
		if hot := n-c.seenReads >= hotReads; hot {
			c.hot.Store(true)
		} else if c.hot.Load() {
			c.cool()
		}
		if n != c.seenReads {
			c.seenReads, c.quietSince = n, now
		}
		conns = append(conns, c)
	}
	t.mu.Unlock()
	for _, c := range conns {
		t.check(c, now)
	}
	return conns
}

func (t *TCP) check(c *conn, now time.Time) {
	if n := c.writes.Load(); n != c.seenWrites {
		c.seenWrites, c.mutedSince = n, now
	}
	beat, silence := t.tuning.Beat, t.tuning.Silence
	if c.from.Process == 0 || t.cfg.Self.Process == 0 {
		beat, silence = t.tuning.ClientBeat, t.tuning.ClientSilence
	}
	switch muted := now.Sub(c.mutedSince); {
	case c.ended: // its reader is about to find out
	case now.Sub(c.quietSince) > silence:
		t.count.silent.Add(1)
		t.log.Info("connection silent: closing", "with", c.from.String())
		c.ended = true
		c.Close()
	case c.busy.Load() && muted > t.tuning.Stall:
		t.count.stalled.Add(1)
		t.log.Info("connection takes nothing: closing", "with", c.from.String())
		c.ended = true
		c.Close()
	case muted >= beat/2 && c.due.Swap(true):
		c.beat(false)
	}
}
