package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/node"
)

// local is the processes of a cluster in this one.
type local struct {
	f      *cluster.File
	config func(m cluster.Member) host.NodeConfig
	ended  chan endedNode
	gone   chan struct{} // closed when nobody waits for them any more
	before func()        // what ends before the processes do; may be nil

	mu    sync.Mutex
	nodes []*host.Node // in the file's order
	// byHand are those that were told to stop, and not yet to start again.
	byHand map[int]bool
	closed bool
}

type endedNode struct {
	at int
	n  *host.Node
}

func (u *upFlags) startAll(ctx context.Context, f *cluster.File, listeners []net.Listener, log *slog.Logger) (*local, error) {
	up := &local{f: f, byHand: map[int]bool{}, ended: make(chan endedNode), gone: make(chan struct{})}
	up.config = func(m cluster.Member) host.NodeConfig {
		cfg := nodeConfig(f, m.ID, log)
		if !u.memory {
			cfg.Dir = dataDir(u.dir, m)
		}
		return cfg
	}
	for i, m := range up.members() {
		cfg := up.config(m)
		cfg.Listener = listeners[i]
		n, err := host.StartNode(ctx, cfg)
		if err != nil {
			closeAll(listeners)
			up.close()
			return nil, err
		}
		up.nodes = append(up.nodes, n)
	}
	return up, nil
}

func (up *local) members() (all []cluster.Member) {
	for _, members := range up.f.Partitions {
		all = append(all, members...)
	}
	return all
}

func (up *local) close() {
	up.mu.Lock()
	up.closed = true
	nodes := up.nodes
	up.mu.Unlock()
	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(func() { n.Close() })
	}
	all.Wait()
}

// ready waits until every process says that it is, or one has stopped: the others
// would wait for that.
func (up *local) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	stopped := make(chan error, len(up.nodes))
	for _, n := range up.nodes {
		go func() {
			select {
			case <-n.Done():
				stopped <- fmt.Errorf("the process on %s stopped: %w", n.Addr(), n.Err())
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	for _, n := range up.nodes {
		if err := n.WaitReady(ctx); err != nil {
			select {
			case err = <-stopped:
			default:
			}
			return err
		}
	}
	return nil
}

// tell says what processes wait for that are not ready soon: it may be for their
// operator.
func (up *local) tell(ctx context.Context, w io.Writer) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	last := map[int]string{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for i, m := range up.members() {
			if s, err := up.nodes[i].Status(ctx); err == nil && s.State != node.Ready && s.State != last[i] {
				last[i] = s.State
				fmt.Fprintf(w, "process %d: %s\n", m.ID, s.State)
			}
		}
	}
}

// find is where a process stands in the file.
func (up *local) find(process int) (int, cluster.Member, error) {
	for i, m := range up.members() {
		if int(m.ID) == process {
			return i, m, nil
		}
	}
	return 0, cluster.Member{}, fmt.Errorf("the cluster has no process %d", process)
}

// Stop implements web.Operator: the process leaves without a word, and the
// others have to find out.
func (up *local) Stop(_ context.Context, process int) error {
	i, _, err := up.find(process)
	if err != nil {
		return err
	}
	up.mu.Lock()
	up.byHand[i] = true
	n := up.nodes[i]
	up.mu.Unlock()
	return n.Close()
}

// Start implements web.Operator.
func (up *local) Start(ctx context.Context, process int) error {
	i, m, err := up.find(process)
	if err != nil {
		return err
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	select {
	case <-up.nodes[i].Done():
	default:
		return nil // it runs
	}
	if up.closed {
		return fmt.Errorf("process %d: the cluster is stopping", process)
	}
	n, err := host.StartNode(ctx, up.config(m))
	if err != nil {
		return err
	}
	up.nodes[i] = n
	delete(up.byHand, i)
	go up.watch(i, n)
	return nil
}

// watch tells wait when a process has ended, whatever made it.
func (up *local) watch(i int, n *host.Node) {
	<-n.Done()
	select {
	case up.ended <- endedNode{i, n}:
	case <-up.gone:
	}
}

// wait returns when ctx ends (Ctrl-C), or no process is left that could be
// started again by hand.
func (up *local) wait(ctx context.Context, e env) int {
	defer close(up.gone)
	up.mu.Lock()
	for i, n := range up.nodes {
		go up.watch(i, n)
	}
	up.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return up.stop(e)
		case end := <-up.ended:
			if up.stoppedByHand(end) {
				continue
			}
			fmt.Fprintf(e.stderr, "eyrie up: the process on %s stopped: %v\n", end.n.Addr(), end.n.Err())
			if !up.anyLeft() {
				return exitFailed
			}
		}
	}
}

func (up *local) stoppedByHand(end endedNode) bool {
	up.mu.Lock()
	defer up.mu.Unlock()
	return up.nodes[end.at] != end.n || up.byHand[end.at] && end.n.Err() == nil
}

// anyLeft says whether a process runs, or was stopped by hand.
func (up *local) anyLeft() bool {
	up.mu.Lock()
	defer up.mu.Unlock()
	for i, n := range up.nodes {
		select {
		case <-n.Done():
			if up.byHand[i] {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// stop ends the cluster as Ctrl-C does.
func (up *local) stop(e env) int {
	if up.before != nil {
		up.before()
	}
	up.close()
	for _, n := range up.nodes {
		if n.Err() != nil {
			return fail(e, "up", exitFailed, fmt.Errorf("the process on %s did not stop cleanly: %w", n.Addr(), n.Err()))
		}
	}
	fmt.Fprintln(e.stdout, "stopped")
	return exitOK
}
