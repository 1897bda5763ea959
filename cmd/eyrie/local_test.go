package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/optimistic"
)

// A cluster that starts is given up when one of its processes stops: the others
// would wait for it.
func TestReadyGivesUp(t *testing.T) {
	listeners, addrs, err := listenAll("", 3)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFile(1, 3, addrs, optimistic.Conservative)
	if err != nil {
		t.Fatal(err)
	}
	up := &local{f: f}
	defer up.close()
	for i, m := range up.members()[:2] { // they wait for the third
		cfg := nodeConfig(f, m.ID, slog.New(slog.DiscardHandler))
		cfg.Listener = listeners[i]
		n, err := host.StartNode(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		up.nodes = append(up.nodes, n)
	}
	listeners[2].Close()
	time.AfterFunc(100*time.Millisecond, func() { up.nodes[1].Close() })
	done := make(chan error, 1)
	go func() { done <- up.ready(t.Context()) }()
	select {
	case err := <-done:
		if err == nil {
			t.Error("ready")
		}
	case <-time.After(time.Minute):
		t.Error("it waits for a process that has stopped")
	}
}
