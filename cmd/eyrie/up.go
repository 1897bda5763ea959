package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/chirper/web"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/optimistic"
)

// upFlags are what the user wants of `eyrie up`.
type upFlags struct {
	partitions, replicas int
	listen, dir, web     string
	memory               bool
	execution            optimistic.Mode
	given                map[string]bool
}

// runUp starts every process of a local cluster in this one.
func runUp(ctx context.Context, e env, args []string) int {
	u := upFlags{given: map[string]bool{}}
	fs := flags(e, "up", "[flags]", `Starts a whole cluster in this process, over real TCP on loopback, and writes
its file, so that other commands find it. Ctrl-C stops it, a second one at once.
What it promised and its state are in the directory data beside the file: the
next eyrie up there goes on with the same cluster, at the same addresses, even
after a power cut.
It serves Chirper's page beside it, where replicas can be stopped and started.
With --memory nothing is kept: writes are answered sooner, and the state is
gone when the cluster stops.
`+aboutExecution)
	fs.IntVar(&u.partitions, "partitions", 2, "number of partitions")
	fs.IntVar(&u.replicas, "replicas", 3, "replicas of each partition; 2f+1 survive f crashes")
	fs.StringVar(&u.listen, "listen", "", "`host:port` of the first process, the others take the ports after it (default: free ports on 127.0.0.1)")
	fs.StringVar(&u.dir, "dir", ".", "`directory` for the cluster's file, "+cluster.DefaultName+", and its data")
	fs.BoolVar(&u.memory, "memory", false, "keep everything in memory")
	executionFlag(fs, &u.execution, optimistic.Full, "; a cluster that is there already goes on in the way that its file says, unless this is given")
	fs.StringVar(&u.web, "web", web.DefaultAddr, "`host:port` of Chirper's page, API and live view; off for none")
	verbose := fs.Bool("v", false, "log to standard error")
	if code, ok := parse(fs, e, args, 0); !ok {
		return code
	}
	fs.Visit(func(f *flag.Flag) { u.given[f.Name] = true })
	if err := u.check(); err != nil {
		return fail(e, "up", exitUsage, err)
	}
	path := filepath.Join(u.dir, cluster.DefaultName)
	if err := os.MkdirAll(u.dir, 0o755); err != nil {
		return fail(e, "up", exitFailed, err)
	}
	if err := refuseRunning(path); err != nil {
		return fail(e, "up", exitRefused, err)
	}
	webListener, err := listenWeb(e, u.web, u.given["web"], ", or --web off for no page")
	if err != nil {
		return fail(e, "up", exitFailed, err)
	}
	if webListener != nil {
		defer webListener.Close()
	}
	f, listeners, code, err := u.cluster(e, path)
	if err != nil {
		return fail(e, "up", code, err)
	}
	return u.run(ctx, e, f, path, listeners, webListener, logger(e, *verbose))
}

func (u *upFlags) check() error {
	if u.partitions < 1 || u.replicas < 1 || u.partitions*u.replicas > 1024 {
		return errors.New("--partitions and --replicas must be at least 1, and their product at most 1024")
	}
	if u.replicas%2 == 0 {
		return evenReplicas(u.replicas)
	}
	if err := checkWeb(u.web); err != nil {
		return err
	}
	if host, port, err := net.SplitHostPort(u.listen); err == nil && host == "" {
		return fmt.Errorf("--listen %s names no host; 127.0.0.1:%s is for this machine alone, and one of its own addresses for others, too", u.listen, port)
	}
	if u.listen != "" {
		_, err := consecutive(u.listen, u.partitions*u.replicas)
		return err
	}
	return nil
}

// run runs the cluster until it is to end.
func (u *upFlags) run(ctx context.Context, e env, f *cluster.File, path string, listeners []net.Listener, webListener net.Listener, log *slog.Logger) int {
	if f.Kept = cluster.InMemory; !u.memory { // the data must not be there without it
		f.Kept = ""
		if err := f.Save(path); err != nil {
			closeAll(listeners)
			return fail(e, "up", exitFailed, err)
		}
	}
	up, err := u.startAll(ctx, f, listeners, log)
	if err != nil {
		return fail(e, "up", startCode(err), err)
	}
	defer up.close()
	waiting, cancel := context.WithCancel(ctx)
	go up.tell(waiting, e.stderr)
	answered := func() {}
	if webListener != nil {
		answered = notReady(webListener)
	}
	err = up.ready(ctx)
	cancel()
	answered()
	if err != nil {
		return fail(e, "up", exitFailed, err)
	}
	if !u.memory { // from now on there is something to lose
		f.Kept = cluster.OnDisk
	}
	if err := f.Save(path); err != nil {
		return fail(e, "up", exitFailed, err)
	}
	if webListener != nil {
		page, err := newPage(ctx, path, u.web, webListener, up, log)
		if err != nil {
			return fail(e, "up", exitFailed, err)
		}
		up.before = page.begin(ctx, e)
	}
	u.greet(e, f, path, webListener)
	return up.wait(ctx, e)
}

func (u *upFlags) greet(e env, f *cluster.File, path string, page net.Listener) {
	where := "in memory"
	if !u.memory {
		where = "kept in " + filepath.Join(u.dir, dataName)
	}
	fmt.Fprintf(e.stdout, "cluster %s is up: %s, %s, execution %v\n", f.Cluster, sizeOf(f), where, f.Execution)
	for p, members := range f.Partitions {
		fmt.Fprintf(e.stdout, "  partition %d:", p)
		for _, m := range members {
			fmt.Fprintf(e.stdout, "  process %d on %s", m.ID, m.Addr)
		}
		fmt.Fprintln(e.stdout)
	}
	self, flag := invocation(), clusterFlag(path)
	fmt.Fprintf(e.stdout, "\nIts file is %s. In another terminal, try:\n\n", path)
	for _, line := range []string{"volery create%s /hello world", "volery get%s /hello", "volery ls%s /", "status%s"} {
		fmt.Fprintf(e.stdout, "  %s %s\n", self, fmt.Sprintf(line, flag))
	}
	if page != nil {
		greetWeb(e.stdout, page, true)
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

func logger(e env, verbose bool) *slog.Logger {
	level := slog.LevelError
	if verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: level}))
}

// nodeConfig is what process id of the cluster runs.
func nodeConfig(f *cluster.File, id ids.Process, log *slog.Logger) host.NodeConfig {
	service := apps.Service
	cfg := host.FileConfig(f, id, service.Definition(), service.Map(len(f.Partitions)))
	cfg.Logger = log
	return cfg
}
