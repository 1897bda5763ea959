package ssmr

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/testroom"
)

// A service runs as processes that are described by a file, each with a directory:
// with one of a partition's replicas away, and after all have been stopped.
func TestNodes(t *testing.T) {
	dir := t.TempDir()
	testroom.Processes(t, dir, 6)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	listeners, err := listen(ctx, 6)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "eyrie.json")
	f := fileOf(Config{Partitions: 2, Replicas: 3}, listeners)
	closeAll(listeners) // free for those whose addresses they are
	if err := f.Save(file); err != nil {
		t.Fatal(err)
	}
	nodes := map[int]*Node{}
	start := func(process int) {
		t.Helper()
		n, err := StartNode(ctx, file, process, purseService, NodeConfig{Dir: filepath.Join(dir, fmt.Sprint(process))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close() })
		nodes[process] = n
	}
	startAll := func() {
		for process := 1; process <= 6; process++ {
			start(process)
		}
		for _, n := range nodes {
			if err := n.WaitReady(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	startAll()
	client, err := Dial(ctx, file, purseService, ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	want := 0
	deposit := func() {
		t.Helper()
		for _, name := range []string{"ann", "bob", "cleo"} {
			want += 5
			if _, err := fill.Do(ctx, client, move{To: fmt.Sprint(name, want), Sum: 5}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := sum.Do(ctx, client, struct{}{}); got != want || err != nil {
			t.Fatalf("%d, %v; want %d", got, err, want)
		}
	}
	deposit()
	if err := nodes[2].Close(); err != nil {
		t.Error(err)
	}
	if _, err := nodes[2].Status(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("status of one that has stopped: %v", err)
	}
	deposit()
	if _, err := StartNode(ctx, file, 2, purseService, NodeConfig{Dir: filepath.Join(dir, "1")}); !errors.Is(err, ErrDirectory) {
		t.Errorf("from another's directory: %v", err)
	}
	for _, n := range nodes {
		n.Close()
	}
	startAll()
	deposit()
	if s, err := nodes[5].Status(ctx); err != nil || s.Process != 5 || s.Partition != 1 || s.State != "ready" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, process := range []int{0, 7, 1 << 16, 1<<16 + 1, -1} {
		if _, err := StartNode(ctx, file, process, purseService, NodeConfig{}); err == nil || !strings.Contains(err.Error(), "no process") {
			t.Errorf("process %d: %v", process, err)
		}
	}
}
