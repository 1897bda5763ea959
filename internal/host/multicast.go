package host

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/ridge"
)

// cast is what this program multicasts: messages, or batches.
type cast struct {
	ms      []ridge.Message
	batches []*ridge.Batch
}

// Multicast proposes messages from within this program; see ridge.Core.Multicast.
// It does not wait: that a message is ordered shows its delivery. Nothing bounds
// what is handed over and not yet taken but the caller. The caller may find
// itself running the core, its machine included, so it must hold no lock that
// those take.
func (n *Node) Multicast(ms []ridge.Message) error {
	if !n.loop.multicast(cast{ms: ms}) {
		return ErrClosed
	}
	return nil
}

// MulticastBatches is Multicast of messages in batches, which costs less. It keeps
// the slice.
func (n *Node) MulticastBatches(bs []*ridge.Batch) error {
	if !n.loop.multicast(cast{batches: bs}) {
		return ErrClosed
	}
	return nil
}

func (n *nodeLoop) cast(now hlc.Now, c cast) {
	if len(c.ms) > 0 {
		n.core.Multicast(now, c.ms)
	}
	for _, b := range c.batches {
		n.core.MulticastBatch(now, b)
	}
}
