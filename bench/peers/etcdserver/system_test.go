package etcdserver

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/bench/peers/peertest"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
)

// Every put completes once, whoever waits for it, and all members store it; and
// nothing of a cluster outlives it.
func TestStored(t *testing.T) {
	const total, wave = 2000, 100
	before := runtime.NumGoroutine()
	s := Durable().New(bench.Case{Replicas: 3, Outstanding: wave, Size: 100, Dir: t.TempDir()}).(*System)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	peertest.Once(t, s, total, wave, total, func(n int) bool { return n%(2*wave) == 0 })
	for _, m := range s.members {
		c := v3client.New(m.Server)
		got, err := c.Get(t.Context(), "key-", clientv3.WithPrefix())
		if err != nil || len(got.Kvs) != total {
			t.Fatalf("%s has %d: %v", m.Config().Name, len(got.Kvs), err)
		}
		for op, kv := range got.Kvs { // in order of keys
			if want := string(peertest.Value(op)); string(kv.Value) != want {
				t.Errorf("%s holds %s at %s", m.Config().Name, kv.Value, kv.Key)
			}
		}
		c.Close()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines are left\n%s", runtime.NumGoroutine()-before, strings.TrimSpace(string(buf[:runtime.Stack(buf, true)])))
		}
	}
}
