package host

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// slowpoke counts what is posted and flushed.
type slowpoke struct {
	transport.Transport
	sent, posted, flushed int
}

func (s *slowpoke) Send(ids.Addr, wire.Message) { s.sent++ }
func (s *slowpoke) Post(ids.Addr, wire.Message) { s.posted++ }
func (s *slowpoke) Flush()                      {}
func (s *slowpoke) FlushPosted()                { s.flushed++ }

// What nobody waits for leaves with the first round that is lazyWait after the first
// of it, which is lazyRest later at the latest, and the node does not wake up for
// it when there is nothing.
func TestLazyLeavesInTime(t *testing.T) {
	e := &echo{self: 1, wakeAt: never}
	n := newNode(e, 1, 7, nil)
	defer n.loop.timer.Close()
	tr := &slowpoke{}
	n.tr = tr
	l := (*nodeLoop)(n)
	round := func(at time.Duration) {
		now := hlc.Now{Mono: at}
		if l.wake() <= at {
			l.tick(now)
		}
		if _, err := l.out(now); err != nil {
			t.Fatal(err)
		}
	}
	lazy := node.Send{To: ids.To(2), Msg: &note{kind: kindReply}, Lazy: true}
	e.sends = []node.Send{lazy}
	round(0)
	e.sends = []node.Send{lazy, {To: ids.To(3), Msg: &note{kind: kindReply}}}
	round(lazyWait - 1)
	if tr.sent != 1 || tr.posted != 2 || tr.flushed != 0 || l.wake() != lazyWait+lazyRest {
		t.Errorf("%+v, wakes at %v", tr, l.wake())
	}
	round(lazyWait)
	if tr.flushed != 1 || l.wake() != never || e.ticks.Load() != 0 {
		t.Errorf("%+v, wakes at %v, %d ticks of the core", tr, l.wake(), e.ticks.Load())
	}
	e.sends = []node.Send{lazy}
	round(2 * lazyWait)
	if at := l.wake(); at != 3*lazyWait+lazyRest {
		t.Errorf("wakes at %v", at)
	}
	round(l.wake())
	if tr.flushed != 2 || l.wake() != never || e.ticks.Load() != 0 {
		t.Errorf("%+v, wakes at %v, %d ticks of the core", tr, l.wake(), e.ticks.Load())
	}
}
