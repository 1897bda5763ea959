package ssmr

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestOptimisticReplyFirst(t *testing.T) {
	x := newCounter("x", 1)
	ctx := context.Background()
	b := &stub{done: make(chan struct{}), early: make(chan struct{}), value: []byte{4}, opt: []byte{2}}
	call := x.incr.Go(ctx, &Client{x.service, b}, "a", Optimistic())
	if !b.asked {
		t.Fatal("it was not asked for")
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := call.Optimistic(ended); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("nothing came: %v", err)
	}
	close(b.early)
	b.times = Replies{Sent: time.Unix(1, 0), Optimistic: 1, Conservative: 2, Early: true}
	for range 2 { // before the outcome, and after it: the same
		if got, err := call.Optimistic(ended); got != (OptimisticReply[int]{Value: 1}) || err != nil {
			t.Errorf("got %+v, %v", got, err)
		}
		if got := call.Replies(); (got != Replies{}) != b.ended {
			t.Errorf("ended %v: %+v", b.ended, got)
		}
		if !b.ended {
			close(b.done)
			b.ended = true
		}
	}
	if got, err := call.Result(ctx); got != 2 || err != nil {
		t.Errorf("the outcome is %v, %v", got, err)
	}
}

func TestOptimisticIsFinalWhenNothingCameBefore(t *testing.T) {
	x := newCounter("x", 1)
	ctx := context.Background()
	m, err := NewMachine(x.service)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		b    backend
		want OptimisticReply[int]
	}{
		"the outcome":        {&stub{done: closed, early: make(chan struct{}), value: []byte{4}}, OptimisticReply[int]{Value: 2, Final: true}},
		"an error":           {&stub{done: closed, err: ErrBudget}, OptimisticReply[int]{Err: ErrBudget, Final: true}},
		"what was not sent":  {&stub{refuse: ErrClosed}, OptimisticReply[int]{Err: ErrClosed, Final: true}},
		"a machine's answer": {machineBackend{m}, OptimisticReply[int]{Value: 1, Final: true}},
	} {
		call := x.incr.Go(ctx, &Client{x.service, tc.b}, "a", Optimistic())
		if got, err := call.Optimistic(ctx); got != tc.want || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if r := call.Replies(); r.Early || r.Agreed || r.Optimistic != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestNobodyIsAskedWhoWasNotTold(t *testing.T) {
	x := newCounter("x", 1)
	b := &stub{done: closed, value: []byte{2}}
	if _, err := x.incr.Do(context.Background(), &Client{x.service, b}, "a"); err != nil || b.asked {
		t.Errorf("asked %v, %v", b.asked, err)
	}
}

// Both replies and their times, of a real cluster.
func TestRepliesOfACluster(t *testing.T) {
	x := newCounter("x", 1)
	ctx := context.Background()
	c, err := StartLocal(ctx, x.service, Config{Partitions: 2, Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before := time.Now().Add(-time.Millisecond)
	call := x.incr.Go(ctx, c.Client(), "a", Optimistic())
	if got, err := call.Optimistic(ctx); got != (OptimisticReply[int]{Value: 1, Final: true}) || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if r := call.Replies(); r.Sent.Before(before) || r.Sent.After(time.Now()) || r.Conservative < 0 || r.Early {
		t.Errorf("%+v", r)
	}
}
