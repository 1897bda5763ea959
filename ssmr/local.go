package ssmr

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Cluster is a whole cluster in this process: its processes are real ones in
// all but their memory, and speak TCP to each other over loopback. State is
// kept in memory only. All methods are safe for concurrent use.
type Cluster struct {
	s      *Service
	tcp    bool
	file   *cluster.File
	nodes  []*host.Node
	client *Client
}

// StartLocal starts a cluster and returns when all its processes are ready. ctx
// bounds the start alone; Close ends the cluster.
func StartLocal(ctx context.Context, s *Service, cfg Config) (*Cluster, error) {
	if err := errors.Join(s.Validate(), cfg.Validate()); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	listeners, err := listen(ctx, cfg.Partitions*cfg.Replicas)
	if err != nil {
		return nil, err
	}
	c := &Cluster{s: s, tcp: cfg.TCP, file: fileOf(cfg, listeners)}
	if err := c.start(ctx, cfg, listeners); err != nil {
		c.Close()
		return nil, err
	}
	if c.client, err = c.dial(ctx, cfg.Client); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// listen opens listeners on free ports.
func listen(ctx context.Context, n int) (listeners []net.Listener, err error) {
	for range n {
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			closeAll(listeners)
			return nil, fmt.Errorf("ssmr: %w", err)
		}
		listeners = append(listeners, ln)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, ln := range listeners {
		ln.Close()
	}
}

// fileOf gives the processes numbers from 1, partition by partition.
func fileOf(cfg Config, listeners []net.Listener) *cluster.File {
	f := cfg.file()
	f.Cluster = "local-" + rand.Text()
	f.Partitions = make([][]cluster.Member, cfg.Partitions)
	for i, ln := range listeners {
		p := i / cfg.Replicas
		f.Partitions[p] = append(f.Partitions[p], cluster.Member{ID: ids.Process(i + 1), Addr: ln.Addr().String()})
	}
	return f
}

// start starts every process and waits for them. Listeners that no process
// has taken are closed on an error.
func (c *Cluster) start(ctx context.Context, cfg Config, listeners []net.Listener) error {
	for i, ln := range listeners {
		config := host.FileConfig(c.file, ids.Process(i+1), c.s.Definition(), c.s.Map(cfg.Partitions))
		config.Core.Checks, config.Listener, config.Logger = cfg.Checks, ln, cfg.Logger
		n, err := host.StartNode(ctx, config)
		if err != nil {
			closeAll(listeners[i:])
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		if err := n.WaitReady(ctx); err != nil {
			return fmt.Errorf("ssmr: %w", err)
		}
	}
	return nil
}

// Client is the cluster's own client, shared by all who ask.
func (c *Cluster) Client() *Client { return c.client }

// Dial connects another client, with a window of its own.
func (c *Cluster) Dial(ctx context.Context, cfg ClientConfig) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return c.dial(ctx, cfg)
}

func (c *Cluster) dial(ctx context.Context, cfg ClientConfig) (*Client, error) {
	if c.tcp {
		return dial(ctx, c.file, c.s, cfg)
	}
	return dial(ctx, c.file, c.s, cfg, c.nodes...)
}

// Close ends the client and all processes; the state is gone. It is
// idempotent, and returns when all goroutines have ended.
func (c *Cluster) Close() error {
	var errs []error
	if c.client != nil {
		errs = append(errs, c.client.Close())
	}
	for _, n := range c.nodes {
		errs = append(errs, n.Close())
	}
	return errors.Join(errs...)
}

// Stop ends one process, numbered from 1, as a crash would: it is not
// replaced. The cluster goes on as long as every partition keeps more than
// half of its replicas.
func (c *Cluster) Stop(process int) error {
	if process < 1 || process > len(c.nodes) {
		return fmt.Errorf("ssmr: there is no process %d", process)
	}
	return c.nodes[process-1].Close()
}

// ProcessStatus is one process's condition.
type ProcessStatus struct {
	Process   int
	Partition int
	Addr      string
	// State is "ready" for one that works and "stopped" for one that has
	// ended; Err then says why, if it ended by itself.
	State string
	Err   error
	// Details are counters and positions, for people.
	Details host.NodeStatus
}

// Status asks every process how it is.
func (c *Cluster) Status(ctx context.Context) ([]ProcessStatus, error) {
	var all []ProcessStatus
	for p, members := range c.file.Partitions {
		for _, m := range members {
			n := c.nodes[len(all)]
			s := ProcessStatus{Process: int(m.ID), Partition: p, Addr: m.Addr}
			details, err := n.Status(ctx)
			switch {
			case err == nil:
				s.State, s.Details = details.State, details
			case errors.Is(err, ErrClosed):
				s.State, s.Err = "stopped", n.Err()
			default:
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}
