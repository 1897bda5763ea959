package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/ridge"
)

// NodeConfig says which process to run.
type NodeConfig struct {
	// Core is the process's core. Incarnation and Random are filled in.
	Core node.Config
	// Cluster is the cluster's identity: others are refused.
	Cluster string
	// Addrs are the addresses of all processes, this one's included.
	Addrs map[ids.Process]string
	// Listener, if not nil, is listened on instead of Addrs[Core.Self]. The
	// node closes it.
	Listener net.Listener
	// Dir is the process's directory, which holds what it has promised and its
	// state: it may end at any moment, by any means, and be started again from
	// there. Empty: everything is kept in memory, and a process that ends has
	// left the cluster.
	Dir string
	// Transport is the connections' tuning; zero fields take the defaults.
	Transport transport.Tuning
	// Logger is silent when nil.
	Logger *slog.Logger

	// Shared, if not nil, is the directory in which this process and others of
	// the program keep all that; Dir is empty then.
	Shared *Shared
	// fs, if not nil, is what identity and journal are kept in instead of Dir.
	fs vfs.FS
}

// StartNode starts a process. ctx bounds the start alone. The process has
// begun to listen when StartNode returns; whether its peers are there shows
// Status.
func StartNode(ctx context.Context, cfg NodeConfig) (*Node, error) {
	if err := missing(cfg.Core.Topology, cfg.Addrs); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// The port first: who finds it taken leaves the directory alone.
	ln := cfg.Listener
	if ln == nil {
		var err error
		if ln, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.Addrs[cfg.Core.Self]); err != nil {
			return nil, fmt.Errorf("host: process %d: %w", cfg.Core.Self, err)
		}
	}
	n, err := startOn(ln, &cfg)
	if err != nil {
		ln.Close()
		return nil, err
	}
	return n, nil
}

// startOn makes the core, of what is on the disk if it is durable, and starts it.
func startOn(ln net.Listener, cfg *NodeConfig) (*Node, error) {
	cfg.Core.Incarnation, cfg.Core.Random = ids.Incarnation(draw()), source()
	cfg.Core.Heap, cfg.Core.PID = heapBytes, os.Getpid()
	var refused refusals
	cfg.Core.Refused = refused.now
	var d *disk
	durable := cfg.Dir != "" || cfg.Shared != nil
	if durable {
		var err error
		if d, err = cfg.durable(); err != nil {
			return nil, err
		}
	}
	core, err := node.New(cfg.Core)
	if err == nil && d != nil {
		if err = d.settle(core.Status().Durable.Checkpoint); err != nil {
			core.Close()
		}
	}
	if err != nil {
		if d != nil {
			err = errors.Join(err, d.close(nil))
		}
		return nil, err
	}
	n, err := startNode(core, d, cfg.Core.Ridge.Optimistic && cfg.Core.Machine != nil, transport.Config{
		Self: ids.To(cfg.Core.Self), Incarnation: cfg.Core.Incarnation, Cluster: cfg.Cluster,
		Service:  fingerprint(&cfg.Core),
		Layout:   layout(cfg.Core.Topology, cfg.Core.Ridge.Horizon, cfg.Core.Execution),
		Settings: settings(cfg.Core.Ridge, cfg.Core.Partition, cfg.Core.Checks, durable),
		Peers:    cfg.Addrs, Listener: ln, Decode: node.Decode, Tuning: cfg.Transport, Logger: cfg.Logger,
		Linked: refused.heard,
	})
	if err != nil {
		core.Close()
		if d != nil {
			err = errors.Join(err, d.close(nil))
		}
		return nil, err
	}
	return n, nil
}

// durable opens the directory and has the core begin with what is there.
func (cfg *NodeConfig) durable() (*disk, error) {
	want := drawIdentity(cfg.Cluster, cfg.Core.Self, layoutOf(cfg.Core.Topology))
	var d *disk
	var found *node.Recovered
	var err error
	if cfg.Shared != nil {
		d, found, err = cfg.Shared.disk(want, cfg.Logger)
	} else {
		d, found, err = openDisk(cfg.Dir, cfg.fs, want, cfg.Logger)
	}
	if err != nil {
		return nil, err
	}
	cfg.Core.Durable, cfg.Core.Life, cfg.Core.Recovered = true, draw(), found
	cfg.Core.Incarnation = d.id.incarnation
	return d, nil
}

// layoutOf is what a directory remembers of the cluster's layout: whose the
// partitions are.
func layoutOf(t *ridge.Topology) uint64 {
	return layout(&ridge.Topology{Replicas: t.Replicas}, 0, optimistic.Conservative)
}

// fingerprint is the service's; other machines have none.
func fingerprint(c *node.Config) uint64 {
	if c.Machine != nil {
		return 0
	}
	return c.Service.Fingerprint()
}

// startNode runs a core over TCP. On an error the listener is left open. For
// gathers see loop.
func startNode(core nodeCore, d *disk, gathers bool, cfg transport.Config) (*Node, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Logger = cfg.Logger.With("process", cfg.Self.Process)
	n := newNode(core, cfg.Self.Process, cfg.Incarnation, cfg.Logger)
	n.addr, n.badge = cfg.Listener.Addr(), badgeOf(cfg)
	if m, ok := core.(interface{ Moved() []node.Moved }); ok {
		n.moved = m.Moved
	}
	n.loop.gathers = gathers
	if d != nil {
		n.keeper = newKeeper(n, core.(durableCore), d)
	}
	cfg.Handler = n.loop.deliver
	tr, err := transport.New(cfg)
	if err != nil {
		return nil, err
	}
	n.log.Info("started", "addr", n.addr.String(), "incarnation", uint64(cfg.Incarnation))
	n.begin(tr)
	return n, nil
}
