package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// events reads server-sent events.
type events struct {
	t     *testing.T
	res   *http.Response
	lines *bufio.Scanner
}

func watchLive(t *testing.T, hs *httptest.Server) *events {
	t.Helper()
	res, err := http.Get(hs.URL + "/api/v1/live")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return &events{t, res, bufio.NewScanner(res.Body)}
}

func (e *events) next() (kind string, data string) {
	e.t.Helper()
	for e.lines.Scan() {
		text := e.lines.Text()
		if k, ok := strings.CutPrefix(text, "event: "); ok {
			kind = k
		} else if d, ok := strings.CutPrefix(text, "data: "); ok {
			return kind, d
		}
	}
	e.t.Fatalf("the stream ended: %v", e.lines.Err())
	return "", ""
}

// counting is a cluster of one partition whose replicas execute steadily.
func counting(asked *atomic.Int64, fail *atomic.Bool) func(context.Context) (Overview, error) {
	return func(context.Context) (Overview, error) {
		n := uint64(asked.Add(1))
		if fail.Load() {
			return Overview{}, errors.New("nobody answers")
		}
		return Overview{Cluster: "test", Partitions: []Partition{{Replicas: []Replica{
			{Process: 1, State: Alive, Counters: Counters{Commands: 1000 * n, Reads: 10 * n, Misplaced: n}},
			{Process: 2, State: Dead},
		}}}}, nil
	}
}

func TestLive(t *testing.T) {
	var asked atomic.Int64
	var fail atomic.Bool
	s, hs := serveOf(t, Config{Backend: newFake(), Observe: counting(&asked, &fail), Limits: Limits{Every: 20 * time.Millisecond, Watchers: 2}})
	if asked.Load() != 0 {
		t.Error("asked although nobody watches")
	}
	one, two := watchLive(t, hs), watchLive(t, hs)
	var v Overview
	for range 3 {
		kind, data := one.next()
		if err := json.Unmarshal([]byte(data), &v); err != nil || kind != "overview" {
			t.Fatalf("%s %s: %v", kind, data, err)
		}
		two.next()
	}
	if v.Rates.Commands <= 0 || v.Rates.Reads <= 0 || v.Rates.MistakesTotal == 0 || v.Partitions[0].Replicas[1].State != Dead {
		t.Errorf("%+v", v)
	}
	if res, text := request(t, hs, "GET", "/api/v1/live", ""); res.StatusCode != 503 || !strings.Contains(text, "busy") {
		t.Errorf("a third watcher: %d %s", res.StatusCode, text)
	}
	fail.Store(true)
	for kind := ""; kind != "trouble"; {
		kind, _ = one.next()
	}
	one.res.Body.Close()
	two.res.Body.Close()
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		s.live.asks.Wait()
	}()
	select {
	case <-quiet: // nobody watches: the cluster is left alone
	case <-time.After(20 * time.Second):
		t.Fatal("still asking, although nobody watches")
	}
	fail.Store(false)
	if kind, _ := watchLive(t, hs).next(); kind != "overview" {
		t.Error("a later watcher sees: " + kind)
	}
}

// Rates are told from one overview to the next, not of a process started anew.
func TestRates(t *testing.T) {
	at := func(one, two uint64) *Overview {
		return &Overview{Partitions: []Partition{
			{Partition: 0, Replicas: []Replica{
				{Process: 1, State: Alive, Counters: Counters{Commands: one, Reads: one}},
				{Process: 2, State: Alive, Counters: Counters{Commands: two, Reads: two}},
			}},
			{Partition: 1, Replicas: []Replica{{Process: 3, State: Alive, Counters: Counters{Commands: 2 * one, Wrong: one, Repairs: 1}}}},
		}}
	}
	before := at(100, 90)
	v := at(300, 5) // the second one was started anew
	v.rate(before.counters(), 2)
	if r := v.Partitions[0].Rates; r.Commands != 100 || r.Reads != 100 {
		t.Errorf("partition 0: %+v", r)
	}
	if r := v.Rates; r.Commands != 300 || r.Mistakes != 100 || r.Repairs != 0 || r.MistakesTotal != 300 || r.RepairsTotal != 1 {
		t.Errorf("all: %+v", r)
	}
	v.rate(nil, 0)
	if v.Rates.Commands != 0 {
		t.Errorf("the first overview has rates: %+v", v.Rates)
	}
}

func TestLatencies(t *testing.T) {
	l := newLatencies()
	if s := l.sum(); s.Optimistic != nil || s.Conservative != nil {
		t.Errorf("%+v", s)
	}
	for i := range 1000 {
		l.add(Times{Optimistic: time.Millisecond, Conservative: 2 * time.Millisecond, Early: i%2 == 0, Agreed: i%4 == 0})
	}
	if s := l.sum(); s.Actions != 1000 || s.Early != 500 || s.Wrong != 250 || s.Optimistic.P50 != 1 || s.Conservative.P99 != 2 {
		t.Errorf("%+v", s)
	}
}
