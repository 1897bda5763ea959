package host

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// note is the fakes' message: a command, its reply, or what a node tells
// itself.
type note struct {
	kind wire.Kind
	seq  ids.Sequence
	body []byte
}

const (
	kindAsk wire.Kind = iota + 1
	kindReply
	kindSelf
	kindFail
)

func (n *note) Kind() wire.Kind { return n.kind }
func (n *note) Append(b []byte) []byte {
	return append(wire.AppendUint64(b, uint64(n.seq)), n.body...)
}

func decodeNote(kind wire.Kind, b []byte) (wire.Message, error) {
	r := wire.NewReader(b)
	n := &note{kind: kind, seq: ids.Sequence(r.Uint64())}
	if r.Err() != nil || kind < kindAsk || kind > kindFail {
		return nil, wire.ErrMalformed
	}
	n.body = b[8:]
	return n, nil
}

// echo is a node's core that answers, after a word with itself if it is to.
type echo struct {
	self   ids.Process
	talk   bool
	mute   atomic.Bool
	sends  []node.Send
	err    error
	ticks  atomic.Int64
	closed atomic.Bool
	wakeAt time.Duration
	every  time.Duration
	asker  ids.Addr
}

func (e *echo) Step(now hlc.Now, from ids.Addr, _ ids.Incarnation, m wire.Message) {
	n := m.(*note)
	switch n.kind {
	case kindAsk:
		if e.mute.Load() {
			return
		}
		if e.talk {
			e.asker = from
			e.sends = append(e.sends, node.Send{To: ids.To(e.self), Msg: &note{kindSelf, n.seq, n.body}})
			return
		}
		e.sends = append(e.sends, node.Send{To: from, Msg: &note{kindReply, n.seq, n.body}})
	case kindSelf:
		e.sends = append(e.sends, node.Send{To: e.asker, Msg: &note{kindReply, n.seq, n.body}})
	case kindFail:
		e.err = errors.New("told to stop")
	}
}

func (e *echo) Tick(now hlc.Now) {
	e.ticks.Add(1)
	if e.every > 0 {
		e.wakeAt = now.Mono + e.every
	} else {
		e.wakeAt = never
	}
}

func (e *echo) Wake() time.Duration { return e.wakeAt }

func (e *echo) Ordered() []node.Send { return nil }

func (e *echo) Sends() []node.Send {
	s := e.sends
	e.sends = e.sends[:0]
	return s
}

func (e *echo) Multicast(hlc.Now, []ridge.Message) {}

func (e *echo) MulticastBatch(hlc.Now, *ridge.Batch) {}

func (e *echo) Err() error          { return e.err }
func (e *echo) Status() node.Status { return node.Status{Process: e.self} }
func (e *echo) Close()              { e.closed.Store(true) }

// asker is a client's core that asks process 1, once.
type asker struct {
	next    ids.Sequence
	sends   []client.Send
	results []client.Result
	full    int // open calls
	window  int
	err     error
	down    atomic.Uint32
	// asked are those whose next reply is to be an optimistic one.
	asked map[ids.Sequence]bool
	early []client.EarlyReply
}

func (a *asker) SubmitOptimistic(now hlc.Now, command uint16, arg []byte, guess ids.Set) (ids.Sequence, error) {
	if a.asked == nil {
		a.asked = map[ids.Sequence]bool{}
	}
	seq, err := a.Submit(now, command, arg, guess)
	a.asked[seq] = err == nil
	return seq, err
}

func (a *asker) Early() []client.EarlyReply {
	e := a.early
	a.early = a.early[:0]
	return e
}

func (a *asker) Submit(now hlc.Now, command uint16, arg []byte, guess ids.Set) (ids.Sequence, error) {
	if command == 99 {
		return 0, partition.ErrArgument
	}
	a.next++
	a.full++
	a.sends = append(a.sends, client.Send{To: ids.To(1), Msg: &note{kindAsk, a.next, arg}})
	return a.next, nil
}

func (a *asker) Full() bool { return a.window > 0 && a.full >= a.window }

func (a *asker) Step(now hlc.Now, from ids.Process, m wire.Message) {
	n := m.(*note)
	if n.kind == kindFail {
		a.err = client.ErrOtherLife
		return
	}
	if a.asked[n.seq] {
		delete(a.asked, n.seq)
		a.early = append(a.early, client.EarlyReply{Sequence: n.seq, Early: &client.Early{Reply: &optimistic.Reply{Value: n.body}}})
		return
	}
	a.full--
	a.results = append(a.results, client.Result{Sequence: n.seq, Reply: &partition.Reply{Value: n.body}})
}

func (a *asker) Down(_ hlc.Now, p ids.Process) { a.down.Store(uint32(p)) }
func (a *asker) Up(hlc.Now, ids.Process)       { a.down.Store(0) }

func (a *asker) Tick(hlc.Now)        {}
func (a *asker) Wake() time.Duration { return never }

func (a *asker) Sends() []client.Send {
	s := a.sends
	a.sends = a.sends[:0]
	return s
}

func (a *asker) Results() []client.Result {
	r := a.results
	a.results = a.results[:0]
	return r
}

func (a *asker) AskReplace(ids.Process, *session.Replace) {}

func (a *asker) AskStatus(ids.Process, uint64) {}

func (a *asker) Statuses() []session.Status { return nil }
func (a *asker) Err() error                 { return a.err }

// pair is a node and a client in a transport.Network.
func pair(t *testing.T, e *echo, a *asker, places int) (*Node, *Client) {
	var net transport.Network
	e.self = 1
	n := newNode(e, 1, 7, slog.New(slog.DiscardHandler))
	n.begin(net.Join(ids.To(1), 7, decodeNote, n.loop.deliver))
	id := ids.Client{1}
	c := newClient(a, places, id)
	c.begin(net.Join(ids.ToClient(id), 0, decodeNote, c.loop.deliver))
	t.Cleanup(func() { c.Close(); n.Close() })
	return n, c
}

// overTCP is the same over TCP.
func overTCP(t testing.TB, e *echo, a *asker, places int) (*Node, *Client) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addrs := map[ids.Process]string{1: ln.Addr().String()}
	e.self = 1
	n, err := startNode(e, nil, false, transport.Config{
		Self: ids.To(1), Incarnation: 7, Peers: addrs, Listener: ln, Decode: decodeNote,
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := dial(t.Context(), a, places, transport.Config{
		Self: ids.ToClient(ids.Client{1}), Peers: addrs, Decode: decodeNote,
	})
	if err != nil {
		t.Fatal(fmt.Errorf("dial: %w", err))
	}
	t.Cleanup(func() { c.Close(); n.Close() })
	return n, c
}
