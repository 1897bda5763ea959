package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/ridge"
)

// runNode runs one process until it is told to stop.
func runNode(ctx context.Context, e env, args []string) int {
	fs := flags(e, "node", "--id N [flags]", `Runs one process of the cluster that the file describes; eyrie init writes
such a file. The cluster orders nothing until all its processes have started
once. What the process has promised and its state are kept in a directory of
its own: it may be killed, or lose power, and go on when it is started again.
With --memory it keeps everything in memory: writes are answered sooner, but
a process that stops has forgotten what it promised, and what more than half of
a partition's processes forget together is lost. A process that was started
once and has nothing, since its disk is lost or it kept all in memory, waits to
be admitted again by eyrie replace.
All processes of a cluster are started alike.

How commands are executed is in the file: eyrie init --execution has it written
there. --execution says otherwise for this process, which others and clients
that were told the other way then refuse.`)
	file := fs.String("cluster", cluster.DefaultName, "the cluster's `file`")
	id := fs.Uint("id", 0, "which process of the file to run")
	dir := fs.String("dir", "", "the process's `directory` (default: data/ID beside the cluster's file)")
	memory := fs.Bool("memory", false, "keep everything in memory")
	var execution *optimistic.Mode
	fs.Func("execution", "`how` commands are executed: conservative, baseline or full (default: as the file says)", func(s string) error {
		m, err := optimistic.ParseMode(s)
		execution = &m
		return err
	})
	quiet := fs.Bool("q", false, "log errors only")
	f, code, ok := parseAndLoad(fs, e, args, file)
	if !ok {
		return code
	}
	if *id == 0 {
		return fail(e, "node", exitUsage, fmt.Errorf("--id is missing: which of the processes of %s?", *file))
	}
	self := ids.Process(*id)
	addr, ok := f.Addrs()[self]
	if !ok || *id > 65535 {
		return fail(e, "node", exitUsage, fmt.Errorf("%s has no process %d; give one of its ids with --id", *file, *id))
	}
	if execution != nil {
		f.Execution = *execution
	}
	cfg := nodeConfig(f, self, logger(e, !*quiet))
	switch {
	case *memory && *dir != "":
		return fail(e, "node", exitUsage, errors.New("--dir says where to keep the state, and --memory to keep it nowhere; give one of them"))
	case *memory:
	case *dir != "":
		cfg.Dir = *dir
	default:
		cfg.Dir = dataDir(filepath.Dir(*file), self)
	}
	raiseHeap()
	n, err := host.StartNode(ctx, cfg)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fail(e, "node", exitFailed, fmt.Errorf("%w\n  Process %d or another program listens there already; stop it, or change the address in %s everywhere", err, self, *file))
	}
	if errors.Is(err, host.ErrDirectory) && is(err, journal.ErrAmnesia, os.ErrNotExist) { // the journal is damaged, old or gone
		err = fmt.Errorf("%w\n  `eyrie replace --help` says how to put a new process in its place", err)
	}
	if err != nil {
		return fail(e, "node", startCode(err), err)
	}
	fmt.Fprintf(e.stdout, "process %d of cluster %s listens on %s; %s\n", self, f.Cluster, addr, whereKept(cfg.Dir))
	select {
	case <-ctx.Done():
		n.Close()
	case <-n.Done():
	}
	if err := n.Err(); err != nil {
		return fail(e, "node", startCode(err), fmt.Errorf("stopped: %w", err))
	}
	return exitOK
}

// dataDir is the directory of a process whose cluster's file is in dir.
func dataDir(dir string, p ids.Process) string {
	return filepath.Join(dir, dataName, fmt.Sprint(p))
}

const dataName = "data"

func whereKept(dir string) string {
	if dir == "" {
		return "the state is in memory only"
	}
	return "the state is in " + dir
}

// startCode is the exit code of a process that does not start, or has stopped.
func startCode(err error) int {
	for _, refused := range []error{node.ErrForgotten, ridge.ErrReplaced, node.ErrDirectory, node.ErrService, host.ErrDirectory} {
		if errors.Is(err, refused) {
			return exitRefused
		}
	}
	return exitFailed
}
