package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/optimistic"
)

// nodeProcesses are a cluster of `eyrie node` processes, three and more, each
// with its state in memory or, if the case has a Dir, in a folder of its own
// below it.
type nodeProcesses struct {
	Processes
	Delays
	binary string
	stores bool // what canStore says of the binary
	c      Case
	// together: one process serves all replicas of one number, as who has a few
	// machines has it; else each has one of its own. Only without a delay.
	together bool
	// execution is how the service is executed; zero: conservatively.
	execution optimistic.Mode
	folder    string // holds everything; removed by Close
}

// canStore says whether the binary's nodes keep their state on disk when told
// where.
func canStore(ctx context.Context, binary string) bool {
	help, err := exec.CommandContext(ctx, binary, "node", "--help").CombinedOutput()
	return err == nil && strings.Contains(string(help), "\n  -"+nodeDirFlag+" ")
}

// Flags of `eyrie node`. One that can keep its state on disk does so unless it
// is told otherwise.
const nodeDirFlag, nodeMemoryFlag = "dir", "memory"

// Start implements Servers. The client's first command waits until all have
// started.
func (n *nodeProcesses) Start(ctx context.Context) (err error) {
	if n.folder, err = os.MkdirTemp(n.c.Dir, "eyrie-bench-"); err != nil {
		return err
	}
	addrs, err := FreeAddrs(n.c.Partitions * n.c.Replicas)
	if err != nil {
		return err
	}
	if err := n.describe(addrs, none, n.file()); err != nil {
		return err
	}
	for i, ids := range n.members() {
		file := n.file()
		if n.c.Delay > 0 { // each has its own sight of the others
			file = filepath.Join(n.folder, fmt.Sprintf("seen-by-%d.json", i+1))
			if err := n.describe(addrs, i, file); err != nil {
				return err
			}
		}
		args := []string{"node", "--cluster", file, "--id", ids, "-q"}
		switch {
		case n.c.Dir != "":
			args = append(args, "--"+nodeDirFlag, filepath.Join(n.folder, fmt.Sprint(i+1)))
		case n.stores:
			args = append(args, "--"+nodeMemoryFlag)
		}
		if err := n.Processes.Start(n.binary, args...); err != nil {
			return err
		}
	}
	return nil
}

// members are who is in each process, as `eyrie node --id` wants them.
func (n *nodeProcesses) members() (ids []string) {
	for i := range n.c.Partitions * n.c.Replicas {
		if id := fmt.Sprint(i + 1); n.together && i >= n.c.Replicas {
			ids[i%n.c.Replicas] += "," + id
		} else {
			ids = append(ids, id)
		}
	}
	return ids
}

// none of the processes: a client.
const none = -1

// describe writes the cluster's file as the process with index self sees it.
func (n *nodeProcesses) describe(addrs []string, self int, file string) error {
	f := &cluster.File{Version: cluster.Version, Cluster: filepath.Base(n.folder), Execution: n.execution}
	for i, addr := range addrs {
		if i != self {
			var err error
			if addr, err = n.Via(addr, n.c.Delay); err != nil {
				return err
			}
		}
		if i%n.c.Replicas == 0 {
			f.Partitions = append(f.Partitions, nil)
		}
		p := &f.Partitions[i/n.c.Replicas]
		*p = append(*p, cluster.Member{ID: ids.Process(i + 1), Addr: addr})
	}
	return f.Save(file)
}

func (n *nodeProcesses) file() string { return filepath.Join(n.folder, cluster.DefaultName) }

// Address implements Servers.
func (n *nodeProcesses) Address() any { return n.file() }

// Close implements Servers.
func (n *nodeProcesses) Close() error {
	err := errors.Join(n.Processes.Close(), n.Delays.Close())
	if n.folder != "" {
		err = errors.Join(err, os.RemoveAll(n.folder))
	}
	return err
}

var _ Servers = (*nodeProcesses)(nil)
