package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// service is what every process of a cluster runs.
func service() *ssmr.Service { return ssmr.Compose("eyrie", volery.Service) }

// runNode runs one process until it is told to stop.
func runNode(ctx context.Context, e env, args []string) int {
	fs := flags(e, "node", "--id N [flags]", `Runs one process of the cluster that the file describes; eyrie init writes
such a file. The cluster orders nothing until all its processes have started.
The state is kept in memory: a process that stops has forgotten what it
promised, so it cannot come back into a running cluster, and says so.`)
	file := fs.String("cluster", cluster.DefaultName, "the cluster's `file`")
	id := fs.Uint("id", 0, "which process of the file to run")
	quiet := fs.Bool("q", false, "log errors only")
	if code, ok := parse(fs, e, args, 0); !ok {
		return code
	}
	f, err := cluster.Load(*file)
	if err != nil {
		return fail(e, "node", exitUsage, err)
	}
	if *id == 0 {
		return fail(e, "node", exitUsage, fmt.Errorf("--id is missing: which of the processes of %s?", *file))
	}
	self := ids.Process(*id)
	addr, ok := f.Addrs()[self]
	if !ok || *id > 65535 {
		return fail(e, "node", exitUsage, fmt.Errorf("%s has no process %d; give one of its ids with --id", *file, *id))
	}
	n, err := host.StartNode(ctx, nodeConfig(f, self, logger(e, !*quiet)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fail(e, "node", exitFailed, fmt.Errorf("%w\n  Process %d or another program listens there already; stop it, or change the address in %s everywhere", err, self, *file))
	}
	if err != nil {
		return fail(e, "node", exitFailed, err)
	}
	fmt.Fprintf(e.stdout, "process %d of cluster %s listens on %s; the state is in memory only\n", self, f.Cluster, addr)
	select {
	case <-ctx.Done():
		n.Close()
		return exitOK
	case <-n.Done():
		code := exitFailed
		if errors.Is(n.Err(), node.ErrForgotten) {
			code = exitRefused
		}
		return fail(e, "node", code, fmt.Errorf("stopped: %w", n.Err()))
	}
}
