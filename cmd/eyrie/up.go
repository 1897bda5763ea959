package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/chirper/web"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/transport"
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

// cluster is the one whose data are in the directory, or a new one, with a
// listener for each of its processes. With an error comes the exit code.
func (u *upFlags) cluster(e env, path string) (*cluster.File, []net.Listener, int, error) {
	data := filepath.Join(u.dir, dataName)
	if _, err := os.Stat(data); err == nil {
		if u.memory {
			return nil, nil, exitRefused, fmt.Errorf("%s holds the data of a cluster, which --memory would leave behind; leave it out, or give another --dir", data)
		}
		return u.resumed(path, data)
	}
	if err := roomForAll(u.partitions*u.replicas, descriptorLimit()); err != nil {
		return nil, nil, exitFailed, err
	}
	listeners, addrs, err := listenAll(u.listen, u.partitions*u.replicas)
	if err != nil {
		return nil, nil, exitFailed, err
	}
	f, err := newFile(u.partitions, u.replicas, addrs, u.execution)
	if err != nil {
		closeAll(listeners)
		return nil, nil, exitUsage, err
	}
	if err := makeWay(e, path, data); err != nil {
		closeAll(listeners)
		return nil, nil, exitRefused, err
	}
	return f, listeners, 0, nil
}

// makeWay makes way for a new cluster's file. That of a cluster whose state should be
// there stays; that of one in memory, which is gone, does not; any other is put aside.
func makeWay(e env, path, data string) error {
	f, err := cluster.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && f.Kept == cluster.InMemory:
		return nil
	case err == nil && f.Kept == cluster.OnDisk:
		return lostData(path, data)
	}
	aside, err := putAside(path)
	if err == nil {
		fmt.Fprintf(e.stderr, "eyrie: %s was there already, and is now %s\n", path, aside)
	}
	return err
}

func lostData(path, data string) error {
	return fmt.Errorf("%s is of a cluster that keeps its state in %s, and nothing of it is there: is the disk mounted?\n  Bring the directory back; or, to begin anew without that state, move %[1]s away", path, data)
}

// complete refuses to resume a cluster whose state is elsewhere, or gone: it would begin
// with nothing, under the old identity.
func (u *upFlags) complete(f *cluster.File, path, data string) error {
	some := false
	for _, members := range f.Partitions {
		for _, m := range members {
			if used(dataDir(u.dir, m)) {
				some = true
			} else if _, there := ranFrom(data, []cluster.Member{m}); there != "" {
				return fmt.Errorf("process %d has run from %s, together with others, by eyrie node; start the processes so again, or give another --dir", m.ID, there)
			}
		}
	}
	if !some && f.Kept == cluster.OnDisk {
		return lostData(path, data)
	}
	return nil
}

// resumed is the cluster whose data are there, at its addresses.
func (u *upFlags) resumed(path, data string) (*cluster.File, []net.Listener, int, error) {
	f, err := cluster.Load(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fs.ErrNotExist // what Load advises would lead back here
		}
		return nil, nil, exitRefused, fmt.Errorf("%s holds the data of a cluster, whose file, %s, cannot be read: %w\n  Bring %s back, or give another --dir", data, path, err, path)
	}
	if p, r := len(f.Partitions), len(f.Partitions[0]); u.given["partitions"] && u.partitions != p || u.given["replicas"] && u.replicas != r {
		return nil, nil, exitUsage, fmt.Errorf("%s holds a cluster of %s; leave out --partitions and --replicas, or give another --dir", u.dir, sizeOf(f))
	}
	if err := u.complete(f, path, data); err != nil {
		return nil, nil, exitRefused, err
	}
	if err := roomForAll(len(f.Addrs()), descriptorLimit()); err != nil {
		return nil, nil, exitFailed, err
	}
	if u.given["execution"] {
		f.Execution = u.execution
	}
	var listeners []net.Listener
	for _, members := range f.Partitions {
		for _, m := range members {
			ln, err := net.Listen("tcp", m.Addr)
			if err != nil {
				closeAll(listeners)
				return nil, nil, exitFailed, fmt.Errorf("process %d of the cluster in %s listens on %s: %w", m.ID, u.dir, m.Addr, err)
			}
			listeners = append(listeners, ln)
		}
	}
	if u.given["listen"] && u.listen != f.Partitions[0][0].Addr {
		closeAll(listeners)
		return nil, nil, exitUsage, fmt.Errorf("%s holds a cluster whose first process listens on %s; leave out --listen, or give another --dir", u.dir, f.Partitions[0][0].Addr)
	}
	return f, listeners, 0, nil
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
			return fmt.Errorf("somebody listens on %s, the address of process %d in %s: %s\n  Stop it, or give another --dir", addr, id, path, whoListens(f))
		}
	}
	return nil
}

// whoListens says who listens where a cluster's processes should.
func whoListens(f *cluster.File) string {
	c, err := dialOperator(context.Background(), f, 500*time.Millisecond)
	switch {
	case err == nil:
		c.Close()
		return "that cluster runs already"
	case errors.Is(err, transport.ErrStranger):
		return err.Error()
	}
	return "that cluster runs already, or another program is there"
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
