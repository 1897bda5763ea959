package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// tick is what a client in a process of its own saw in a second.
type tick struct {
	At      int64 // its end, in Unix milliseconds
	Seconds float64
	Errors  uint64
	First   string `json:",omitempty"` // of all errors
	Latency wireHistogram
}

func (t *tick) rate() float64 { return float64(t.Latency.Total) / max(t.Seconds, 1e-9) }

func (t *tick) quantile(q float64) time.Duration {
	var h Histogram
	t.Latency.addTo(&h)
	return h.Quantile(q)
}

// steer says which load a ticking client is to bring about: the case's, at a
// rate or, if that is zero, at all times as many as the case has outstanding.
type steer struct {
	Rate        float64
	Outstanding int
}

// beTicker is the client's process of a bench that runs long: what Start takes,
// it says by a first tick, and then one each second until its input ends.
func beTicker(ctx context.Context, newSystem func(order) (System, error), in io.Reader, stdout, stderr io.Writer) int {
	collectRarely()
	hear, say := json.NewDecoder(in), json.NewEncoder(stdout)
	var o order
	if err := hear.Decode(&o); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	sys, err := newSystem(o)
	if err == nil {
		err = sys.Start(ctx)
	}
	if err == nil {
		if err = say.Encode(tick{At: time.Now().UnixMilli()}); err == nil {
			err = tickOn(ctx, sys, o, hear, say)
		}
		err = errors.Join(err, sys.Close())
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func tickOn(ctx context.Context, sys System, o order, hear *json.Decoder, say *json.Encoder) error {
	steers := make(chan steer)
	go func() {
		defer close(steers)
		for {
			var s steer
			if hear.Decode(&s) != nil {
				return
			}
			steers <- s
		}
	}()
	var l *load
	var errs uint64
	for ctx.Err() == nil {
		select {
		case s, ok := <-steers:
			if l != nil {
				l.run(ctx, 10*time.Second, false)
				if l.pace != nil {
					l.pace.due.Close()
				}
			}
			if !ok {
				return nil
			}
			c := o.Case
			c.Rate, c.Outstanding = s.Rate, s.Outstanding
			l, errs = newLoad(sys, c, o.Seed), 0
			l.window = true
			l.prepare()
		case <-waitFor(l == nil, 10*time.Millisecond):
			continue
		default:
		}
		if l == nil {
			continue
		}
		begin := time.Now()
		l.run(ctx, time.Second, true)
		t := newTick(l, time.Since(begin))
		t.Errors, errs = t.Errors-errs, t.Errors
		l.latency.Reset()
		if err := say.Encode(t); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// waitFor never comes unless it is to.
func waitFor(really bool, d time.Duration) <-chan time.Time {
	if really {
		return time.After(d)
	}
	return nil
}

func newTick(l *load, took time.Duration) *tick {
	t := &tick{At: time.Now().UnixMilli(), Seconds: took.Seconds(), Errors: l.errors, Latency: newWireHistogram(&l.latency)}
	if l.first != nil {
		t.First = l.first.Error()
	}
	return t
}

// ticker is a ticking client as the process sees it that has the servers.
type ticker struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	say   *json.Encoder
	ended chan struct{}

	mu    sync.Mutex
	ticks []tick // the first one: Start has come to its end
}

// startTicker starts this program again as the client of the named bench.
func startTicker(ctx context.Context, bench string, o order, stderr io.Writer) (*ticker, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	k := &ticker{cmd: exec.CommandContext(ctx, exe, "bench", bench), ended: make(chan struct{})}
	dieWithParent(k.cmd)
	k.cmd.Env, k.cmd.Stderr = append(os.Environ(), clientEnv+"=1"), stderr
	if k.in, err = k.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := k.cmd.Start(); err != nil {
		return nil, err
	}
	k.say = json.NewEncoder(k.in)
	go func() {
		defer close(k.ended)
		hear := json.NewDecoder(bufio.NewReader(out))
		for {
			var t tick
			if hear.Decode(&t) != nil {
				return
			}
			k.mu.Lock()
			k.ticks = append(k.ticks, t)
			k.mu.Unlock()
		}
	}()
	return k, k.say.Encode(o)
}

var errTicker = errors.New("the client's process has ended")

// started waits until the client has done what comes before the load.
func (k *ticker) started(ctx context.Context) error { return k.await(ctx, 1) }

// await waits for so many ticks.
func (k *ticker) await(ctx context.Context, n int) error {
	for len(k.all()) < n {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-k.ended:
			return errTicker
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// seconds waits for as many seconds from now on, and returns their ticks.
func (k *ticker) seconds(ctx context.Context, n int) ([]tick, error) {
	from := len(k.all())
	err := k.await(ctx, from+n)
	return k.all()[from:], err
}

func (k *ticker) all() []tick {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ticks
}

// between are the ticks of whole seconds between two times.
func (k *ticker) between(from, to time.Time) (out []tick) {
	for _, t := range k.all() {
		if end := time.UnixMilli(t.At); t.Seconds > 0 && !end.After(to.Add(time.Second)) && end.After(from) {
			out = append(out, t)
		}
	}
	return out
}

func (k *ticker) steer(s steer) error { return k.say.Encode(s) }

// close ends the client, and says what its last words were.
func (k *ticker) close() error {
	k.in.Close()
	<-k.ended
	return k.cmd.Wait()
}
