package host

import (
	"context"
	"errors"
	"fmt"
	"runtime/metrics"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
)

// FileConfig is what process self of the cluster that f describes runs.
func FileConfig(f *cluster.File, self ids.Process, service *partition.Service, place partition.Placement) NodeConfig {
	return NodeConfig{
		Core: node.Config{
			Self: self, Topology: f.Topology(), Service: service, Placement: place,
			Execution: f.Execution, Ridge: f.Ridge(), Partition: f.Partition(),
		},
		Cluster: f.Cluster, Addrs: f.Addrs(),
	}
}

// FileClient is a client of the cluster that f describes.
func FileClient(f *cluster.File, service *partition.Service, place *oracle.Map) ClientConfig {
	tuning, r := client.DefaultTuning(), f.Ridge()
	tuning.Horizon, tuning.Cast = r.Horizon, r.Optimistic
	return ClientConfig{
		Core:      client.Config{Topology: f.Topology(), Map: place, Service: service, Tuning: tuning},
		Execution: f.Execution, Cluster: f.Cluster, Addrs: f.Addrs(),
	}
}

// FileOperator is an operator's client of the cluster that f describes, whatever
// its service is.
func FileOperator(f *cluster.File) ClientConfig {
	nothing := new(partition.Service)
	c := FileClient(f, nothing, oracle.New(1, len(f.Partitions), nothing))
	c.Operator = true
	return c
}

// WaitReady waits until the process orders and executes, which needs all
// processes of the cluster; or until it has stopped, or ctx ends.
func (n *Node) WaitReady(ctx context.Context) error {
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for {
		s, err := n.Status(ctx)
		switch {
		case err != nil:
			return errors.Join(fmt.Errorf("the process on %v did not start: %w", n.Addr(), err), n.Err())
		case s.State == node.Ready:
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("process %d is %s: %w", s.Process, s.State, context.Cause(ctx))
		}
	}
}

// heapBytes is what the heap's objects take, garbage included. It does not stop
// the world.
func heapBytes() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
