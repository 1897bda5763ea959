package host

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// What nobody waits for stays here for lazyWait. Then it leaves with the next round
// that there is in any case, or else after lazyRest more, at a timer's. At low load
// one write, and one wake-up of the receiver, then serve several instances. With
// a timer alone, of 200 us, it cost a tenth of the CPU of one message at a
// time: it is set, and fires, and has a goroutine woken, for nothing else.
const (
	lazyWait = 500 * time.Microsecond
	lazyRest = 1500 * time.Microsecond
)

// flushLazy has what was sent lazily leave, if it is time.
func (n *nodeLoop) flushLazy(now hlc.Now) {
	if n.lazyAt <= now.Mono {
		n.tr.FlushPosted()
		n.lazyAt = never - lazyRest
	}
}
