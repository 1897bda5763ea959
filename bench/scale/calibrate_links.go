package scale

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// wirePair is two transports with a connection over loopback TCP.
type wirePair struct {
	from, to *transport.TCP
	frames   atomic.Int64 // messages handed over
	reads    atomic.Int64
	waiting  atomic.Int64 // the sender waits for so many messages
	come     chan struct{}
}

func newWirePair(ctx context.Context) (*wirePair, error) {
	p := &wirePair{come: make(chan struct{}, 1)}
	var lns [2]net.Listener
	peers := map[ids.Process]string{}
	for i := range lns {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		lns[i], peers[ids.Process(i+1)] = ln, ln.Addr().String()
	}
	config := func(i int) transport.Config {
		return transport.Config{
			Self: ids.To(ids.Process(i + 1)), Incarnation: ids.Incarnation(rand.Uint64() | 1), Cluster: "calibration",
			Peers: peers, Listener: lns[i], Decode: ridge.Decode, Handler: func(ids.Addr, ids.Incarnation, []wire.Message, int) {},
		}
	}
	var err error
	receiver := config(1)
	receiver.Handler = p.take
	if p.to, err = transport.New(receiver); err != nil {
		return nil, err
	}
	if p.from, err = transport.New(config(0)); err != nil {
		p.to.Close()
		return nil, err
	}
	for len(p.from.Connected()) == 0 || len(p.to.Connected()) == 0 {
		select {
		case <-ctx.Done():
			p.close()
			return nil, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return p, nil
}

func (p *wirePair) take(_ ids.Addr, _ ids.Incarnation, ms []wire.Message, _ int) {
	p.reads.Add(1)
	n := p.frames.Add(int64(len(ms)))
	if w := p.waiting.Load(); w != 0 && n >= w && p.waiting.CompareAndSwap(w, 0) {
		p.come <- struct{}{}
	}
}

// wait waits until so many messages have come since the start.
func (p *wirePair) wait(n int64) {
	p.waiting.Store(n)
	if p.frames.Load() >= n && p.waiting.CompareAndSwap(n, 0) {
		return
	}
	<-p.come
}

func (p *wirePair) close() {
	p.from.Close()
	p.to.Close()
}

// traffic is what one measurement sends: the same frame again and again.
type traffic struct {
	messages []wire.Message
	bytes    float64 // of a frame's messages, with their headers
	entries  float64
	lone     bool // one at a time, the receiver being asleep
}

// used is what one measurement came to, for each frame, in nanoseconds.
type used struct{ send, recv, reads, writes float64 }

// inFlight bounds the frames under way.
const inFlight = 16

// send sends frames, and measures both sides.
func (p *wirePair) send(tr traffic, frames int) (used, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	base := p.frames.Load()
	per := int64(len(tr.messages))
	reads, writes := p.reads.Load(), p.from.Stats().WritesOut
	thread, all := threadTime(), bench.OwnCPU()
	for i := range int64(frames) {
		if tr.lone {
			time.Sleep(150 * time.Microsecond)
		} else if i >= inFlight && i%(inFlight/2) == 0 {
			p.wait(base + (i-inFlight/2)*per)
		}
		for _, m := range tr.messages {
			p.from.Send(ids.To(2), m)
		}
		p.from.Flush()
	}
	if len(tr.messages) > 0 {
		p.wait(base + int64(frames)*per)
	}
	mine, both := threadTime()-thread, bench.OwnCPU()-all
	if mine <= 0 {
		return used{}, fmt.Errorf("calibration: this system does not tell a thread's processor time")
	}
	n := float64(frames)
	return used{
		send: float64(mine) / n, recv: float64(both-mine) / n,
		reads: float64(p.reads.Load()-reads) / n, writes: float64(p.from.Stats().WritesOut-writes) / n,
	}, nil
}

// calibrateLinks measures the transport.
func calibrateLinks(ctx context.Context, c *Costs, say func(string, ...any)) error {
	p, err := newWirePair(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	list, err := traffics()
	if err != nil {
		return err
	}
	var sends, recvs []sample
	var wakes []float64
	idle, err := p.least(ctx, traffic{lone: true}, 400)
	if err != nil {
		return err
	}
	for _, tr := range list {
		n := min(max(400, int(8e6/tr.bytes)), 4000)
		if tr.lone {
			n = 400
		}
		u, err := p.least(ctx, tr, n)
		if err != nil {
			return err
		}
		k := float64(len(tr.messages))
		if tr.lone { // the pause between them is not theirs
			u.send -= idle.send
			wakes = append(wakes, u.recv-idle.recv)
			sends = append(sends, sample{[]float64{u.writes, k, tr.bytes}, u.send})
			continue
		}
		sends = append(sends, sample{[]float64{u.writes, k, tr.bytes}, u.send})
		recvs = append(recvs, sample{[]float64{u.reads, k, tr.bytes, tr.entries}, u.recv})
	}
	x := fit(sends)
	check(say, "send", sends, x)
	c.Write, c.SendMessage, c.SendByte = x[0], x[1], x[2]
	x = fit(recvs)
	check(say, "receive", recvs, x)
	c.Read, c.RecvMessage, c.RecvByte, c.RecvEntry = x[0], x[1], x[2], x[3]
	c.Wake = max(0, middle(wakes)-c.Read-c.RecvMessage-100*c.RecvByte)
	say("%-12s %.3g ns\n", "wake", c.Wake)
	return nil
}

// least measures several times.
func (p *wirePair) least(ctx context.Context, tr traffic, frames int) (used, error) {
	var best used
	for range rounds {
		if err := ctx.Err(); err != nil {
			return used{}, err
		}
		u, err := p.send(tr, frames)
		if err != nil {
			return u, err
		}
		if best.send == 0 || u.send+u.recv < best.send+best.recv {
			best = u
		}
	}
	return best, nil
}

// traffics lists what is sent: proposals in frames of several sizes, batches as
// a coordinator makes them, and single small messages.
func traffics() ([]traffic, error) {
	var out []traffic
	for _, sh := range []shape{{16, 1}, {16, 64}, {128, 8}, {128, 256}, {1024, 1}, {1024, 32}, {8192, 1}, {65536, 1}} {
		m := &ridge.Propose{Message: &ridge.Message{
			Command: ids.Command{Client: ids.Client{1}, Sequence: 1}, Attempt: 1, T0: wallStart, Mark: 1, Dests: ids.Set{0}, Body: make([]byte, sh.size),
		}}
		tr := traffic{bytes: float64(sh.burst * (messageHeader + len(m.Append(nil))))}
		for range sh.burst {
			tr.messages = append(tr.messages, m)
		}
		out = append(out, tr)
		if sh.burst == 1 && sh.size <= 1024 {
			tr.lone = true
			out = append(out, tr)
		}
	}
	for _, sh := range []shape{{16, 16}, {16, 512}, {128, 128}, {1024, 64}, {8192, 16}} {
		t := newTrio(sh.size)
		if err := t.run(sh.burst, time.Millisecond); err != nil {
			return nil, err
		}
		longest := 0
		var m wire.Message
		for _, v := range t.values {
			if n := len(v.Append(nil)); n > longest {
				longest, m = n, v
			}
		}
		out = append(out, traffic{
			messages: []wire.Message{m}, bytes: float64(messageHeader + longest), entries: float64(longest / (entryBytes + sh.size)),
		})
	}
	return out, nil
}
