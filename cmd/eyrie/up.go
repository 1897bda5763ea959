package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// runUp starts every process of a local cluster in this one.
func runUp(ctx context.Context, e env, args []string) int {
	fs := flags(e, "up", "[flags]", `Starts a whole cluster in this process, over real TCP on loopback, and writes
its file, so that other commands find it. Ctrl-C stops it. The state is kept
in memory: it is gone when the cluster stops.`)
	partitions := fs.Int("partitions", 2, "number of partitions")
	replicas := fs.Int("replicas", 3, "replicas of each partition; 2f+1 survive f crashes")
	listen := fs.String("listen", "", "`host:port` of the first process, the others take the ports after it (default: free ports on 127.0.0.1)")
	dir := fs.String("dir", ".", "`directory` for the cluster's file, "+cluster.DefaultName)
	verbose := fs.Bool("v", false, "log to standard error")
	if code, ok := parse(fs, e, args, 0); !ok {
		return code
	}
	if *partitions < 1 || *replicas < 1 || *partitions**replicas > 1024 {
		return fail(e, "up", exitUsage, errors.New("--partitions and --replicas must be at least 1, and their product at most 1024"))
	}
	if *listen != "" {
		if _, err := consecutive(*listen, *partitions**replicas); err != nil {
			return fail(e, "up", exitUsage, err)
		}
	}
	path := filepath.Join(*dir, cluster.DefaultName)
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return fail(e, "up", exitFailed, err)
	}
	if err := refuseRunning(path); err != nil {
		return fail(e, "up", exitRefused, err)
	}
	listeners, addrs, err := listenAll(*listen, *partitions**replicas)
	if err != nil {
		return fail(e, "up", exitFailed, err)
	}
	f, err := newFile(*partitions, *replicas, addrs)
	if err != nil {
		closeAll(listeners)
		return fail(e, "up", exitUsage, err)
	}
	up, err := startAll(ctx, f, listeners, logger(e, *verbose))
	if err != nil {
		return fail(e, "up", exitFailed, err)
	}
	defer up.close()
	if err := up.ready(ctx); err != nil {
		return fail(e, "up", exitFailed, err)
	}
	if err := f.Save(path); err != nil {
		return fail(e, "up", exitFailed, err)
	}
	greet(e, f, path)
	return up.wait(ctx, e)
}

func greet(e env, f *cluster.File, path string) {
	fmt.Fprintf(e.stdout, "cluster %s is up: %d partitions of %d replicas, in memory\n", f.Cluster, len(f.Partitions), len(f.Partitions[0]))
	for p, members := range f.Partitions {
		fmt.Fprintf(e.stdout, "  partition %d:", p)
		for _, m := range members {
			fmt.Fprintf(e.stdout, "  process %d on %s", m.ID, m.Addr)
		}
		fmt.Fprintln(e.stdout)
	}
	self, flag := invocation(), ""
	if path != cluster.DefaultName {
		flag = " --cluster " + path
	}
	fmt.Fprintf(e.stdout, "\nIts file is %s. In another terminal, try:\n\n", path)
	for _, line := range []string{"volery create%s /hello world", "volery get%s /hello", "volery ls%s /", "status%s"} {
		fmt.Fprintf(e.stdout, "  %s %s\n", self, fmt.Sprintf(line, flag))
	}
	fmt.Fprintf(e.stdout, "\nCtrl-C stops it.\n")
}

// invocation is how the user calls this program: by its name, or with go run,
// whose binary is gone when it ends.
func invocation() string {
	if strings.Contains(os.Args[0], string(filepath.Separator)+"go-build") {
		return "go run ./cmd/eyrie"
	}
	return os.Args[0]
}

// listenAll opens n listeners: on free ports, or on consecutive ones.
func listenAll(first string, n int) ([]net.Listener, []string, error) {
	host, port := "127.0.0.1", 0
	if first != "" {
		addrs, err := consecutive(first, n)
		if err != nil {
			return nil, nil, err
		}
		var text string
		host, text, _ = net.SplitHostPort(addrs[0])
		port, _ = strconv.Atoi(text)
	}
	var listeners []net.Listener
	var addrs []string
	for range n {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			closeAll(listeners)
			return nil, nil, fmt.Errorf("%w; choose another --listen, or leave it out", err)
		}
		listeners, addrs = append(listeners, ln), append(addrs, ln.Addr().String())
		if port > 0 {
			port++
		}
	}
	return listeners, addrs, nil
}

func closeAll(listeners []net.Listener) {
	for _, ln := range listeners {
		ln.Close()
	}
}

// refuseRunning refuses to replace the file of a cluster that seems to run.
func refuseRunning(path string) error {
	f, err := cluster.Load(path)
	if err != nil {
		return nil // there is none, or none that could run
	}
	for id, addr := range f.Addrs() {
		conn, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err == nil {
			conn.Close()
			return fmt.Errorf("%s belongs to a cluster that seems to run: process %d, %s, answers; stop it, or give another --dir", path, id, addr)
		}
	}
	return nil
}

func logger(e env, verbose bool) *slog.Logger {
	level := slog.LevelError
	if verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: level}))
}

// nodeConfig is what process id of the cluster runs.
func nodeConfig(f *cluster.File, id ids.Process, log *slog.Logger) host.NodeConfig {
	service := service()
	cfg := host.FileConfig(f, id, service.Definition(), service.Map(len(f.Partitions)))
	cfg.Logger = log
	return cfg
}

// local is the processes of a cluster in this one.
type local struct{ nodes []*host.Node }

func startAll(ctx context.Context, f *cluster.File, listeners []net.Listener, log *slog.Logger) (*local, error) {
	up := &local{}
	for _, members := range f.Partitions {
		for _, m := range members {
			cfg := nodeConfig(f, m.ID, log)
			cfg.Listener = listeners[len(up.nodes)]
			n, err := host.StartNode(ctx, cfg)
			if err != nil {
				closeAll(listeners)
				up.close()
				return nil, err
			}
			up.nodes = append(up.nodes, n)
		}
	}
	return up, nil
}

func (up *local) close() {
	for _, n := range up.nodes {
		n.Close()
	}
}

// ready waits until every process says that it is.
func (up *local) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, n := range up.nodes {
		if err := n.WaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wait returns when ctx ends (Ctrl-C) or a process stopped itself.
func (up *local) wait(ctx context.Context, e env) int {
	stopped := make(chan *host.Node, len(up.nodes))
	for _, n := range up.nodes {
		go func() {
			<-n.Done()
			stopped <- n
		}()
	}
	for left := len(up.nodes); left > 0; left-- {
		select {
		case <-ctx.Done():
			fmt.Fprintln(e.stdout, "stopped")
			return exitOK
		case n := <-stopped:
			fmt.Fprintf(e.stderr, "eyrie up: the process on %s stopped: %v\n", n.Addr(), n.Err())
		}
	}
	return exitFailed
}
