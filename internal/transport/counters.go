package transport

import "sync/atomic"

// counters are Stats while they are counted.
type counters struct {
	framesIn, messagesIn, bytesIn   atomic.Uint64
	framesOut, messagesOut          atomic.Uint64
	writesOut, bytesOut, handovers  atomic.Uint64
	droppedFull, droppedDown        atomic.Uint64
	droppedNobody, droppedTooLarge  atomic.Uint64
	dialsFailed, refused, handshook atomic.Uint64
	refusedOthers, badHandshakes    atomic.Uint64
	overflowed, badFrames           atomic.Uint64
	silent, stalled                 atomic.Uint64
}

func (c *counters) wrote(n int) {
	c.writesOut.Add(1)
	c.bytesOut.Add(uint64(n))
}

func (c *counters) stats() Stats {
	return Stats{
		FramesIn: c.framesIn.Load(), MessagesIn: c.messagesIn.Load(), BytesIn: c.bytesIn.Load(),
		FramesOut: c.framesOut.Load(), MessagesOut: c.messagesOut.Load(),
		WritesOut: c.writesOut.Load(), BytesOut: c.bytesOut.Load(), Handovers: c.handovers.Load(),
		DroppedFull: c.droppedFull.Load(), DroppedDown: c.droppedDown.Load(),
		DroppedNobody: c.droppedNobody.Load(), DroppedTooLarge: c.droppedTooLarge.Load(),
		DialsFailed: c.dialsFailed.Load(), Refused: c.refused.Load(), Handshook: c.handshook.Load(),
		RefusedOthers: c.refusedOthers.Load(), BadHandshakes: c.badHandshakes.Load(),
		Overflowed: c.overflowed.Load(), BadFrames: c.badFrames.Load(),
		Silent: c.silent.Load(), Stalled: c.stalled.Load(),
	}
}

// Stats implements Transport.
func (t *TCP) Stats() Stats {
	s := t.count.stats()
	t.mu.RLock()
	defer t.mu.RUnlock()
	s.Connections, s.Clients = len(t.conns), len(t.clients)
	return s
}
