package hashiraft

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/bench/peers/peertest"
)

// Nothing of a cluster outlives it: what did would be garbage that others pay for.
func TestCloseEndsAll(t *testing.T) {
	for name, dir := range map[string]string{"in memory": "", "durable": t.TempDir()} {
		t.Run(name, func(t *testing.T) { closeEndsAll(t, dir) })
	}
}

func closeEndsAll(t *testing.T, dir string) {
	before := runtime.NumGoroutine()
	s := Contender().New(bench.Case{Replicas: 3, Outstanding: 1, Dir: dir}).(*System)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Do(bench.Op{Value: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left", runtime.NumGoroutine()-before)
		}
	}
}

// Every proposal completes once and is applied at all nodes alike, those that
// only learn included; the log is cut, and nobody needs a snapshot.
func TestApplied(t *testing.T) {
	for name, with := range map[string]struct {
		do  bool
		dir string
	}{
		"callbacks": {}, "workers": {do: true}, "durable": {dir: t.TempDir()}, "durable workers": {do: true, dir: t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			const total, wave = 40_000, 500
			s := Contender().New(bench.Case{Replicas: 4, Outstanding: wave, Size: 100, Dir: with.dir}).(*System)
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			peertest.Once(t, s, total, wave, 512, func(int) bool { return with.do })
			for _, n := range s.nodes {
				for deadline := time.Now().Add(10 * time.Second); n.fsm.count.Load() < total; time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("node %s applied %d of %d", n.id, n.fsm.count.Load(), total)
					}
				}
			}
			if err := s.Close(); err != nil { // and the state may be read
				t.Error(err)
			}
			for _, n := range s.nodes {
				for k := range uint32(512) {
					if !bytes.Equal(n.fsm.state[k], s.nodes[0].fsm.state[k]) {
						t.Errorf("node %s holds %s at %d", n.id, n.fsm.state[k], k)
					}
				}
			}
		})
	}
}
