package bench

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/ridge"
)

// chirperEarly is a client of Chirper that has both replies, and waits for the
// conservative one.
type chirperEarly struct{ *chirperClient }

// SubmitEarly implements Optimist.
func (x chirperEarly) SubmitEarly(op Op, early func(), done func(error)) { x.submit(op, early, done) }

// EarlyStages implements EarlyStager.
func (x *chirperClient) EarlyStages() StageSums { return x.early.Stages() }

// Order implements Optimist. A process that does not answer has nothing counted.
func (x *chirperClient) Order() OrderCounts {
	ctx, cancel := context.WithTimeout(context.Background(), orderPatience)
	defer cancel()
	var mu sync.Mutex
	var asked sync.WaitGroup
	all := OrderCounts{Replies: x.replies.Load(), ReplyMistakes: x.mistakes.Load()}
	for _, replicas := range x.file.Partitions {
		for _, r := range replicas {
			asked.Go(func() {
				if s, ok := x.executed(ctx, r.ID); ok {
					mu.Lock()
					defer mu.Unlock()
					all.add(s)
				}
			})
		}
	}
	asked.Wait()
	return all
}

// executed is what a process says of deliveries and executions before their
// turn.
func (x *chirperClient) executed(ctx context.Context, p ids.Process) (o OrderCounts, ok bool) {
	doc, err := x.client.Status(ctx, p)
	var s struct {
		Ridge      ridge.Status `json:"ridge"`
		Optimistic struct {
			Counters struct{ Runs, Confirmed, Repairs uint64 }
		} `json:"optimistic"`
	}
	if err != nil || json.Unmarshal(doc, &s) != nil {
		return o, false
	}
	c, e := &s.Ridge.Counters, &s.Optimistic.Counters
	return OrderCounts{
		Compared: c.Compared, Mistakes: c.Mistakes, Repairs: c.Again, Forced: c.Forced,
		Wait: min(s.Ridge.Optimism.Wait, s.Ridge.Optimism.Most),
		Runs: e.Runs, Confirmed: e.Confirmed, Dropped: e.Repairs,
	}, true
}

// chirperHasty is a client of Chirper for which the first reply is enough: what
// it does next does not wait for the other. Latencies are those of first
// replies.
type chirperHasty struct {
	*chirperClient
	mu   sync.Mutex
	late error // of a command whose first reply was enough
}

// Submit implements System.
func (x *chirperHasty) Submit(op Op, done func(error)) {
	var once sync.Once
	x.submit(op, func() { once.Do(func() { done(nil) }) }, func(err error) {
		first := false
		once.Do(func() {
			first = true
			done(err)
		})
		if !first && err != nil {
			x.mu.Lock()
			x.late = err
			x.mu.Unlock()
		}
	})
}

// Reentrant implements Reentrant: Submit waits when too many have only their first reply.
func (x *chirperHasty) Reentrant() bool { return false }

// Close implements System.
func (x *chirperHasty) Close() error {
	err := x.drain()
	x.mu.Lock()
	defer x.mu.Unlock()
	if err == nil {
		err = x.late
	}
	if e := x.chirperClient.Close(); err == nil {
		err = e
	}
	return err
}

// drain waits until what was sent has its outcome.
func (x *chirperHasty) drain() error {
	for end := time.Now().Add(5 * time.Second); x.open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return errLost
		}
	}
	return nil
}
