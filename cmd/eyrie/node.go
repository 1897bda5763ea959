package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/heapfloor"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/ridge"
)

// runNode runs one process until it is told to stop.
func runNode(ctx context.Context, e env, args []string) int {
	fs := flags(e, "node", "--id N[,N...] [flags]", `Runs one process of the cluster that the file describes; eyrie init writes
such a file. The cluster orders nothing until all its processes have started
once. What the process has promised and its state are kept in a directory of
its own: it may be killed, or lose power, and go on when it is started again.
With --memory it keeps everything in memory: writes are answered sooner, but
a process that stops has forgotten what it promised, and what more than half of
a partition's processes forget together is lost. A process that was started
once and has nothing, since its disk is lost or it kept all in memory, waits to
be admitted again by eyrie replace.
All processes of a cluster are started with --memory, or none is: others do not
speak with one that is not started as they are, and eyrie status says so.

With several ids it runs these processes, one of each of several partitions.
They share one directory with one journal, so that one sync serves the votes of
all of them, and stop together; they are always to be started together. One of
them whose state there is lost, or that has been replaced by one elsewhere, is
taken out by eyrie forget.

How commands are executed is in the file: eyrie init --execution has it written
there. --execution says otherwise for this process, which others and clients
that were told the other way then refuse.`)
	file := fs.String("cluster", cluster.DefaultName, "the cluster's `file`")
	id := fs.String("id", "", "which process of the file to run, or which, separated by commas (`N`)")
	dir := fs.String("dir", "", "the process's `directory` (default: data/ID, or data/ID-ID..., beside the cluster's file)")
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
	members, err := nodeMembers(f, *file, *id)
	if err != nil {
		return fail(e, "node", exitUsage, err)
	}
	if execution != nil {
		f.Execution = *execution
	}
	where, code, err := nodeDir(*file, *dir, *memory, members)
	if err != nil {
		return fail(e, "node", code, err)
	}
	heapfloor.Raise()
	return runMembers(ctx, e, f, *file, members, where, logger(e, !*quiet))
}

// nodeDir is where the processes keep their state; empty for nowhere.
func nodeDir(file, dir string, memory bool, members []cluster.Member) (where string, code int, err error) {
	switch {
	case memory && dir != "":
		return "", exitUsage, errors.New("--dir says where to keep the state, and --memory to keep it nowhere; give one of them")
	case memory:
		return "", exitRefused, ranDurable(filepath.Join(filepath.Dir(file), dataName), members)
	case dir != "":
		return dir, exitOK, nil
	}
	where = dataDir(filepath.Dir(file), members...)
	return where, exitRefused, ranElsewhere(where, members)
}

// runMembers runs the processes until they are told to stop, or have to.
func runMembers(ctx context.Context, e env, f *cluster.File, file string, members []cluster.Member, where string, log *slog.Logger) int {
	nodes, end, err := startMembers(ctx, f, members, where, log)
	defer end()
	if err != nil {
		end() // what it logs comes before the reason
		return nodeFailed(e, members, file, err)
	}
	for _, m := range members {
		fmt.Fprintf(e.stdout, "process %d of cluster %s listens on %s; %s\n", m.ID, f.Cluster, m.Addr, whereKept(where))
	}
	for i, n := range nodes {
		go sayState(ctx, n, log.With("process", members[i].ID))
	}
	if err := waitMembers(ctx, nodes, members, log); err != nil {
		return fail(e, "node", startCode(err), fmt.Errorf("stopped: %w", err))
	}
	return exitOK
}

// nodeFailed explains why processes do not start.
func nodeFailed(e env, members []cluster.Member, file string, err error) int {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fail(e, "node", exitFailed, fmt.Errorf("%w\n  %s or another program listens there already; stop it, or change the address in %s everywhere", err, named(members), file))
	}
	if errors.Is(err, host.ErrDirectory) && is(err, journal.ErrAmnesia, os.ErrNotExist) { // the journal is damaged, old or gone
		err = fmt.Errorf("%w\n  `eyrie replace --help` says how to put a new process in its place", err)
	}
	return fail(e, "node", startCode(err), err)
}

// dataDir is the directory of a process, or of several that share one, whose
// cluster's file is in dir.
func dataDir(dir string, members ...cluster.Member) string {
	var names []string
	for _, m := range members {
		names = append(names, fmt.Sprint(m.ID))
	}
	return filepath.Join(dir, dataName, strings.Join(names, "-"))
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
