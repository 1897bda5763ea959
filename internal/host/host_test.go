package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/finetimer"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
)

// TestMain fails when a test has left goroutines behind.
func TestMain(m *testing.M) {
	finetimer.Coarse = true // some tests have a clock of their own
	before := runtime.NumGoroutine()
	code := m.Run()
	for range 500 {
		if runtime.NumGoroutine() <= before {
			os.Exit(code)
		}
		time.Sleep(10 * time.Millisecond)
	}
	pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	os.Stderr.WriteString("goroutines were left behind\n")
	os.Exit(1)
}

func value(r Result) string {
	if r.Reply == nil {
		return fmt.Sprint(r.Err)
	}
	return string(r.Reply.Value)
}

func TestCommandsComeBack(t *testing.T) {
	for name, talk := range map[string]bool{"at once": false, "after a word with itself": true} {
		t.Run(name, func(t *testing.T) {
			_, c := overTCP(t, &echo{talk: talk}, &asker{}, 10)
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					for i := range 200 {
						want := fmt.Sprintf("%d.%d", g, i)
						call, err := c.Submit(t.Context(), 1, []byte(want), nil)
						if err != nil {
							t.Error(err)
							return
						}
						r, err := call.Wait(t.Context())
						if err != nil || value(r) != want || value(call.Result()) != want {
							t.Errorf("got %q and %v instead of %q", value(r), err, want)
						}
					}
				})
			}
			wg.Wait()
			got := make(chan Result, 1)
			if err := c.SubmitFunc(t.Context(), 1, []byte("f"), nil, func(r Result) { got <- r }); err != nil {
				t.Fatal(err)
			}
			if r := <-got; value(r) != "f" {
				t.Error(value(r))
			}
		})
	}
}

func TestWindowMakesSubmitWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{}
		_, c := pair(t, e, &asker{}, 2)
		e.mute.Store(true)
		first, _ := c.Submit(t.Context(), 1, []byte("1"), nil)
		c.Submit(t.Context(), 1, []byte("2"), nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := c.Submit(ctx, 1, []byte("3"), nil)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("a command that was never sent ended with %v", err)
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("waited %v", d)
		}
		taken := make(chan error, 1)
		go func() {
			_, err := c.Submit(t.Context(), 1, []byte("4"), nil)
			taken <- err
		}()
		synctest.Wait()
		select {
		case <-taken:
			t.Error("a full window took a command")
		default:
		}
		answerFirst(c, "1")
		<-first.Done()
		if err := <-taken; err != nil {
			t.Error(err)
		}
	})
}

// answerFirst makes a late answer to a muted node's first command come.
func answerFirst(c *Client, body string) {
	c.loop.deliver(ids.To(1), 7, []wire.Message{&note{kindReply, 1, []byte(body)}}, 10)
}

func TestEndOfWaitIsNotEndOfCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{}
		_, c := pair(t, e, &asker{}, 2)
		e.mute.Store(true)
		call, err := c.Submit(t.Context(), 1, []byte("x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := call.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("wait ended with %v", err)
		}
		answerFirst(c, "late")
		if r, err := call.Wait(t.Context()); err != nil || value(r) != "late" {
			t.Error(r, err)
		}
	})
}

func TestCloseAbandonsWhatIsOutstanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{}
		_, c := pair(t, e, &asker{window: 1}, 2)
		e.mute.Store(true)
		sent, _ := c.Submit(t.Context(), 1, nil, nil)
		kept, _ := c.Submit(t.Context(), 1, nil, nil) // the core takes one at a time
		waiting := make(chan error, 1)
		go func() {
			_, err := c.Submit(t.Context(), 1, nil, nil)
			waiting <- err
		}()
		synctest.Wait()
		c.Close()
		c.Close()
		if r, err := sent.Wait(t.Context()); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, ErrClosed) {
			t.Error(r, err)
		}
		if r, err := kept.Wait(t.Context()); errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, ErrClosed) {
			t.Error("never sent:", r, err)
		}
		if err := <-waiting; err != ErrClosed {
			t.Error(err)
		}
		if _, err := c.Submit(t.Context(), 1, nil, nil); err != ErrClosed {
			t.Error(err)
		}
		if _, err := c.Status(t.Context(), 1); err != ErrClosed {
			t.Error(err)
		}
	})
}

func TestFullCoreKeepsCommandsInOrder(t *testing.T) {
	_, c := overTCP(t, &echo{}, &asker{window: 1}, 50)
	var calls []*Call
	for i := range 50 {
		call, err := c.Submit(t.Context(), 1, []byte(fmt.Sprint(i)), nil)
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, call)
	}
	for i, call := range calls {
		if r, _ := call.Wait(t.Context()); value(r) != fmt.Sprint(i) || r.Sequence != ids.Sequence(i+1) {
			t.Errorf("command %d: sequence %d, %s", i, r.Sequence, value(r))
		}
	}
}

func TestRefusedCommandGivesItsPlaceBack(t *testing.T) {
	_, c := overTCP(t, &echo{}, &asker{}, 1)
	for range 3 {
		call, err := c.Submit(t.Context(), 99, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call.Wait(t.Context()); !errors.Is(err, partition.ErrArgument) || errors.Is(err, ErrOutcomeUnknown) {
			t.Error(err)
		}
	}
}

func TestCoreErrorStopsNode(t *testing.T) {
	e := &echo{}
	n, _ := overTCP(t, e, &asker{}, 1)
	if s, err := n.Status(t.Context()); err != nil || s.Process != 1 || s.Transport.Clients != 1 {
		t.Error(s, err)
	}
	n.loop.deliver(ids.To(2), 1, []wire.Message{&note{kind: kindFail}}, 10)
	<-n.Done()
	if err := n.Err(); err == nil || err.Error() != "told to stop" {
		t.Error(err)
	}
	if !e.closed.Load() {
		t.Error("the core was not closed")
	}
	if err := n.Multicast(nil); err != ErrClosed {
		t.Errorf("multicast at a closed node: %v", err)
	}
	if _, err := n.Status(t.Context()); err != ErrClosed {
		t.Error(err)
	}
	n.Close()
}

// The client's core hears at once that a connection is lost.
func TestLostConnectionIsTold(t *testing.T) {
	a := &asker{}
	n, c := overTCP(t, &echo{}, a, 1)
	if a.down.Load() != 0 {
		t.Error("down while connected")
	}
	n.Close()
	for began := time.Now(); a.down.Load() != 1; time.Sleep(time.Millisecond) {
		if time.Since(began) > 5*time.Second {
			t.Fatal("not told")
		}
	}
	c.Close()
}

// What ends a wait is the context's error, whatever its cause.
func TestCauseDoesNotHideTheContextsError(t *testing.T) {
	e := &echo{}
	_, c := overTCP(t, e, &asker{}, 1)
	e.mute.Store(true)
	call, err := c.Submit(t.Context(), 1, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("no more patience")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	_, err = c.Submit(ctx, 1, nil, nil)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, why) || errors.Is(err, ErrOutcomeUnknown) {
		t.Error(err)
	}
	if _, err := call.Wait(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, why) || !errors.Is(err, ErrOutcomeUnknown) {
		t.Error(err)
	}
}

func TestCoreErrorEndsClient(t *testing.T) {
	e := &echo{}
	_, c := overTCP(t, e, &asker{}, 5)
	e.mute.Store(true)
	call, _ := c.Submit(t.Context(), 1, nil, nil)
	c.loop.deliver(ids.To(1), 1, []wire.Message{&note{kind: kindFail}}, 10)
	if _, err := call.Wait(t.Context()); !errors.Is(err, client.ErrOtherLife) || !errors.Is(err, ErrOutcomeUnknown) {
		t.Error(err)
	}
	<-c.Done()
	if err := c.Err(); err != client.ErrOtherLife {
		t.Error(err)
	}
	if _, err := c.Submit(t.Context(), 1, nil, nil); err != client.ErrOtherLife {
		t.Error(err)
	}
}

func TestTicksComeWhenAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{every: 100 * time.Millisecond}
		n, c := pair(t, e, &asker{}, 5)
		time.Sleep(10*time.Second + 50*time.Millisecond)
		synctest.Wait()
		if got := e.ticks.Load(); got != 101 {
			t.Errorf("%d ticks in ten seconds, one each tenth", got)
		}
		// A message in between does not delay them.
		for range 100 {
			call, _ := c.Submit(t.Context(), 1, nil, nil)
			call.Wait(t.Context())
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if got := e.ticks.Load(); got != 111 {
			t.Errorf("%d ticks", got)
		}
		n.loop.ask(func() { e.wakeAt = n.loop.now().Mono + time.Millisecond; e.every = time.Hour })
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got := e.ticks.Load(); got != 112 {
			t.Errorf("%d ticks: an earlier wake was not heeded", got)
		}
	})
}

// A flood from clients is dropped beyond a bound, counted, and pushes nothing
// out that processes say [R11].
func TestInboxIsBounded(t *testing.T) {
	var b inbox
	ms := make([]wire.Message, 1000)
	for range 2 * maxClientMessages / len(ms) {
		b.deliver(ids.ToClient(ids.Client{1}), 0, ms, 1000)
	}
	b.deliver(ids.To(2), 1, ms, maxProcessBytes+1)
	b.deliver(ids.To(2), 1, ms, 1)
	processes, clients := b.drops()
	if processes != 1000 || clients < maxClientMessages {
		t.Errorf("dropped %d from processes, %d from clients", processes, clients)
	}
	var w work
	b.take(&w, -1)
	if n := len(w.ms); n > maxClientMessages+1000 || n < maxClientMessages {
		t.Errorf("%d messages kept", n)
	}
	b.deliver(ids.ToClient(ids.Client{1}), 0, ms, 1000)
	if _, again := b.drops(); again != clients {
		t.Error("an empty inbox drops")
	}
}

func TestDialSaysWhyNot(t *testing.T) {
	n, _ := overTCP(t, &echo{}, &asker{}, 1)
	addrs := map[ids.Process]string{1: n.Addr().String()}
	cfg := transport.Config{Self: ids.ToClient(ids.Client{2}), Peers: addrs, Decode: decodeNote, Cluster: "other"}
	if _, err := dial(t.Context(), &asker{}, 1, cfg); !errors.Is(err, transport.ErrCluster) {
		t.Error(err)
	}
	n.Close()
	cfg.Cluster = ""
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := dial(ctx, &asker{}, 1, cfg); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// A caller is alone who comes when no other has a place and, unless he is the
// client's first, none had one beside him who came so before.
func TestWindowKnowsWhoIsAlone(t *testing.T) {
	w := window{free: 3}
	enter := func(want bool) {
		t.Helper()
		if alone, err := w.enter(t.Context()); alone != want || err != nil {
			t.Errorf("alone: %v, %v", alone, err)
		}
	}
	enter(true)
	w.leave(1)
	enter(true)
	enter(false)
	w.leave(2)
	enter(false) // the first of two, it seems
	w.leave(1)
	enter(true)
}

// Whoever waits in line, gives up, or is served at the same moment: no place
// is lost and none is made.
func TestWindowKeepsItsPlaces(t *testing.T) {
	w := window{free: 3}
	var wg sync.WaitGroup
	for g := range 20 {
		wg.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if (g+i)%3 == 0 {
					go cancel()
				}
				if _, err := w.enter(ctx); err == nil {
					w.leave(1)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if w.free != 3 || w.taken != 0 {
		t.Errorf("%d places instead of 3, %d taken", w.free, w.taken)
	}
}
