package ssmr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests' bank: transfers over partitions, a total over all of them, and a
// pointer whose target only execution finds out.
type move struct {
	From, To string
	Sum      int
}

var (
	purses   = NewCollection[string, int]("purses")
	pointers = NewCollection[string, string]("pointers")
	rates    = NewCollection[string, int]("rates", Everywhere())

	errPoor = NewError("poor", "too poor")
	addSum  = NewOperation("add", func(old int, _ bool, sum int) int { return old + sum })

	pay = NewCommand("pay",
		func(m move) Access { return Exactly(purses.Writes(m.From), purses.Writes(m.To), rates.Reads("fee")) },
		func(tx Tx, m move) (int, error) {
			fee, _ := rates.Get(tx, "fee")
			from, _ := purses.Get(tx, m.From)
			if from < m.Sum+fee {
				return 0, fmt.Errorf("%w: has %d", errPoor, from)
			}
			purses.Put(tx, m.From, from-m.Sum-fee)
			purses.Update(tx, m.To, addSum.With(m.Sum+fee))
			return from - m.Sum - fee, nil
		})
	fill = NewCommand("fill",
		func(m move) Access { return Exactly(purses.Writes(m.To)) },
		func(tx Tx, m move) (struct{}, error) {
			purses.Put(tx, m.To, m.Sum)
			return struct{}{}, nil
		})
	sum = NewCommand("sum",
		func(struct{}) Access { return Exactly(purses.ReadsAll()) },
		func(tx Tx, _ struct{}) (total int, _ error) {
			for _, v := range purses.Range(tx, purses.All()) {
				total += v
			}
			return total, nil
		})
	link = NewCommand("link",
		func(m move) Access { return Exactly(pointers.Writes(m.From)) },
		func(tx Tx, m move) (struct{}, error) {
			pointers.Put(tx, m.From, m.To)
			return struct{}{}, nil
		})
	follow = NewCommand("follow", // finds out by execution where it must go
		func(k string) Access { return AtLeast(pointers.Reads(k)) },
		func(tx Tx, k string) (int, error) {
			for {
				next, ok := pointers.Get(tx, k)
				if !ok {
					v, _ := purses.Get(tx, k)
					purses.Put(tx, k, v+1)
					return v + 1, nil
				}
				k = next
			}
		})
	stray = NewCommand("stray",
		func(k string) Access { return Exactly(purses.Reads(k)) },
		func(tx Tx, k string) (int, error) { v, _ := purses.Get(tx, k+"x"); return v, nil })
	crash = NewCommand("crash",
		func(k string) Access { return Exactly(purses.WritesAll()) },
		func(tx Tx, k string) (int, error) { purses.Put(tx, k, 7); panic(k) })
	setRate = NewCommand("set rate",
		func(v int) Access { return Exactly(rates.Writes("fee")) },
		func(tx Tx, v int) (uint64, error) { rates.Put(tx, "fee", v); return tx.Rand().Uint64(), nil })

	purseService = NewService("purse", purses, pointers, rates, errPoor, addSum,
		pay, fill, sum, link, follow, stray, crash, setRate)
)

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// shapes are the clusters that a service must not be able to tell apart from
// a Machine.
func clients(t *testing.T, run func(*testing.T, *Client)) {
	t.Run("machine", func(t *testing.T) {
		m, err := NewMachine(purseService)
		if err != nil {
			t.Fatal(err)
		}
		run(t, m.Client())
	})
	for _, cfg := range []Config{{Replicas: 1}, {Partitions: 3, Replicas: 1, Checks: true}, {Partitions: 2}, {Partitions: 2, TCP: true}} {
		t.Run(fmt.Sprintf("%dx%d", cfg.Partitions, cfg.Replicas), func(t *testing.T) {
			c, err := StartLocal(testContext(t), purseService, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			run(t, c.Client())
		})
	}
}

func do[A, R any](t *testing.T, c *Client, command *Command[A, R], arg A) R {
	t.Helper()
	r, err := command.Do(testContext(t), c, arg)
	if err != nil {
		t.Fatalf("%s(%v): %v", command.Name(), arg, err)
	}
	return r
}

// One script, the same answers everywhere.
func TestACommandCannotTellWhereItRuns(t *testing.T) {
	clients(t, func(t *testing.T, c *Client) {
		ctx := testContext(t)
		for i := range 8 {
			do(t, c, fill, move{To: fmt.Sprint("p", i), Sum: 100})
		}
		do(t, c, setRate, 1)
		for i := range 8 {
			if got := do(t, c, pay, move{fmt.Sprint("p", i), fmt.Sprint("p", (i+1)%8), 10}); i > 0 && got != 100 || i == 0 && got != 89 {
				t.Errorf("transfer %d leaves %d", i, got)
			}
		}
		if got := do(t, c, sum, struct{}{}); got != 800 {
			t.Errorf("the total is %d", got)
		}
		_, err := pay.Do(ctx, c, move{"p0", "p1", 1000})
		if !errors.Is(err, errPoor) || err.Error() != "too poor: has 100" {
			t.Errorf("a transfer too big: %v", err)
		}
		do(t, c, link, move{From: "a", To: "b"})
		do(t, c, link, move{From: "b", To: "c"})
		do(t, c, link, move{From: "c", To: "p3"})
		for want := 101; want < 104; want++ {
			if got := do(t, c, follow, "a"); got != want {
				t.Errorf("follow finds %d, want %d", got, want)
			}
		}
		if _, err := stray.Do(ctx, c, "p0"); !errors.Is(err, ErrAccess) {
			t.Errorf("E1: %v", err)
		}
		if _, err := crash.Do(ctx, c, "p0"); !errors.Is(err, ErrPanicked) {
			t.Errorf("a panic: %v", err)
		}
		if got := do(t, c, sum, struct{}{}); got != 803 {
			t.Errorf("the total at the end is %d", got)
		}
	})
}

// Money is neither made nor lost, and every total sees all of it.
func TestTransfersKeepTheTotal(t *testing.T) {
	clients(t, func(t *testing.T, c *Client) {
		const accounts, workers, each = 6, 8, 30
		for i := range accounts {
			do(t, c, fill, move{To: fmt.Sprint(i), Sum: 100})
		}
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(w), 0))
				for range each {
					m := move{fmt.Sprint(r.IntN(accounts)), fmt.Sprint(r.IntN(accounts)), r.IntN(60)}
					if m.From == m.To {
						if got, err := sum.Do(testContext(t), c, struct{}{}); got != 100*accounts || err != nil {
							t.Errorf("the total is %d, %v", got, err)
						}
					} else if _, err := pay.Do(testContext(t), c, m); err != nil && !errors.Is(err, errPoor) {
						t.Errorf("%v: %v", m, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestACrashedReplicaIsSurvived(t *testing.T) {
	ctx := testContext(t)
	c, err := StartLocal(ctx, purseService, Config{Partitions: 2, FailureTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	do(t, c.Client(), fill, move{To: "a", Sum: 10})
	for _, p := range []int{1, 5} {
		if err := c.Stop(p); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		do(t, c.Client(), pay, move{"a", fmt.Sprint("b", i), 1})
	}
	if got := do(t, c.Client(), sum, struct{}{}); got != 10 {
		t.Errorf("the total is %d", got)
	}
	status, err := c.Status(ctx)
	if err != nil || len(status) != 6 {
		t.Fatal(status, err)
	}
	for i, s := range status {
		want := "ready"
		if i == 0 || i == 4 {
			want = "stopped"
		}
		if s.State != want || s.Process != i+1 || s.Partition != i/3 || s.Err != nil {
			t.Errorf("process %d: %+v", i+1, s)
		}
	}
	if c.Stop(0) == nil || c.Stop(7) == nil {
		t.Error("processes 0 and 7 stopped")
	}
}

func TestDialFindsARunningCluster(t *testing.T) {
	ctx := testContext(t)
	c, err := StartLocal(ctx, purseService, Config{Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	file := filepath.Join(t.TempDir(), "eyrie.json")
	if err := c.file.Save(file); err != nil {
		t.Fatal(err)
	}
	one, err := Dial(ctx, file, purseService, ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Dial(ctx, ClientConfig{Window: 1})
	if err != nil {
		t.Fatal(err)
	}
	do(t, one, fill, move{To: "a", Sum: 3})
	if got := do(t, two, sum, struct{}{}); got != 3 {
		t.Errorf("the other client sees %d", got)
	}
	if _, err := fill.Do(ctx, two, move{To: strings.Repeat("a", 64<<20)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %.100v", err)
	}
	ended, end := context.WithCancelCause(ctx)
	end(errPoor)
	if _, err := fill.Do(ended, two, move{To: "a"}); !errors.Is(err, context.Canceled) || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("not sent: %v", err)
	}
	one.Close()
	one.Close()
	if _, err := fill.Do(ctx, one, move{To: "a"}); !errors.Is(err, ErrClosed) || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := Dial(ctx, file, newCounter("x", 1).service, ClientConfig{}); !errors.Is(err, ErrRefused) {
		t.Errorf("another service: %v", err)
	}
	call := fill.Go(ctx, two, move{To: "b"})
	c.Close()
	two.Close()
	if _, err := call.Result(ctx); err != nil && !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("under way at Close: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := Dial(short, file, purseService, ClientConfig{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		c, err := StartLocal(testContext(t), purseService, Config{Partitions: 2, Replicas: 1})
		if err != nil {
			t.Fatal(err)
		}
		do(t, c.Client(), sum, struct{}{})
		c.Close()
		c.Close()
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestStartLocalRefusesMistakes(t *testing.T) {
	_, err := StartLocal(testContext(t), NewService(""), Config{Replicas: 2})
	if err == nil || !strings.Contains(err.Error(), "needs a name") || !strings.Contains(err.Error(), "Replicas is 2") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if c, err := StartLocal(ctx, purseService, Config{}); err == nil {
		c.Close()
		t.Error("started after the context had ended")
	}
}
