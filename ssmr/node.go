package ssmr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// NodeConfig says how a process of a cluster runs.
type NodeConfig struct {
	// Dir is a directory of the process's own, made if need be, where it keeps what
	// it has promised and its state: it may be killed, or lose power, and go on when
	// it is started again. Empty: all is in memory, and a process that ends has
	// left the cluster. All processes of a cluster have one, or none has.
	Dir string
	// Logger is silent when nil.
	Logger *slog.Logger
}

// Node is a process of a cluster that runs in this program. All methods are safe
// for concurrent use.
type Node struct{ n *host.Node }

// StartNode starts the process of that number, of those in a cluster's file
// (eyrie.json, which `eyrie init` writes), with a service: the same in all of the
// cluster's processes, each of which is mostly a program of its own, on the
// machine where its address is. It listens when StartNode returns; commands
// are ordered when all have started once. ctx bounds the start alone. One that
// was in the cluster before and has lost its directory waits, as its Status says,
// until `eyrie replace` is run.
// An error wraps ErrDirectory if the directory is another process's, or has lost
// what was promised from it.
func StartNode(ctx context.Context, file string, process int, s *Service, cfg NodeConfig) (*Node, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	f, err := cluster.Load(file)
	if err != nil {
		return nil, err
	}
	id := ids.Process(process)
	if _, there := f.Addrs()[id]; !there || int(id) != process {
		return nil, fmt.Errorf("ssmr: %s has no process %d", file, process)
	}
	config := host.FileConfig(f, id, s.Definition(), s.Map(len(f.Partitions)))
	config.Dir, config.Logger = cfg.Dir, cfg.Logger
	n, err := host.StartNode(ctx, config)
	if err != nil {
		return nil, err
	}
	return &Node{n}, nil
}

// ErrDirectory is wrapped by StartNode's refusal of a directory.
var ErrDirectory = host.ErrDirectory

// WaitReady returns when the process orders and executes, which all processes of
// the cluster have to be there for once; or with an error when it has stopped, or
// ctx has ended, which says what it waits for.
func (n *Node) WaitReady(ctx context.Context) error {
	if err := n.n.WaitReady(ctx); err != nil {
		return fmt.Errorf("ssmr: %w", err)
	}
	return nil
}

// Status says how the process is; ErrClosed when it has stopped.
func (n *Node) Status(ctx context.Context) (ProcessStatus, error) {
	details, err := n.n.Status(ctx)
	if err != nil {
		return ProcessStatus{}, err
	}
	return ProcessStatus{
		Process: int(details.Process), Partition: int(details.Partition), Addr: n.n.Addr().String(),
		State: details.State, Details: details,
	}, nil
}

// Done is closed when the process has stopped, by Close or because it had to.
func (n *Node) Done() <-chan struct{} { return n.n.Done() }

// Err says, after Done, why the process stopped by itself; nil after Close.
func (n *Node) Err() error { return n.n.Err() }

// Close stops the process, with a last checkpoint if it has a directory, and
// returns when all its goroutines have ended. The others go on, as after a crash;
// it may be started again from its directory.
func (n *Node) Close() error { return errors.Join(n.n.Close(), n.n.Err()) }
