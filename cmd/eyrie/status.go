package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/transport"
)

// processStatus is a process as `eyrie status` shows it.
type processStatus struct {
	Process   ids.Process   `json:"process"`
	Partition ids.Partition `json:"partition"`
	Addr      string        `json:"addr"`
	Reachable bool          `json:"reachable"`
	Status    *node.Status  `json:"status,omitempty"`
	Stranger  string        `json:"stranger,omitempty"` // what is at its address instead
}

// runStatus asks every process how it is.
func runStatus(ctx context.Context, e env, args []string) int {
	fs := flags(e, "status", "[flags]", `Shows every process of a running cluster: its ensembles with their coordinator
and instance, its partition's position, whom it suspects, and what it has on
disk: records of the journal given in this life and durable, its newest
checkpoint, states that are fetched from it or by it, damage that it found, and
whether there is too little room for commands to be taken. Of processes that
paused for 20 ms or more in the last minute or two it shows the longest pauses
lately and ever: a round of the loop that took long (the processor was busy with
something else), or a sync of the journal (the disk was). Of processes that
execute optimistically it shows executions begun before their turn (runs), the
commands that ended by one, runs that were wrong, repairs (times that runs had
to be repeated for another's mistake), optimistic replies that differed from the
final ones (mistakes), and how long after a command's arrival it is delivered
optimistically (early), and finally. Last it says which version of the service
is in force and which the programs carry. Exits with 5 if no process answers,
and with 4 if they refuse, being another cluster's.`)
	file := fs.String("cluster", cluster.DefaultName, "the cluster's `file`")
	asJSON := fs.Bool("json", false, "print JSON")
	timeout := fs.Duration("timeout", 2*time.Second, "how long to wait for each answer")
	f, code, ok := parseAndLoad(fs, e, args, file)
	if !ok {
		return code
	}
	c, err := dialOperator(ctx, f, *timeout)
	if err != nil {
		return unanswered(e, f, *file, *asJSON, err)
	}
	defer c.Close()
	all := askAll(ctx, c, f, *timeout)
	if *asJSON {
		printStatusJSON(e.stdout, f, all)
	} else {
		printStatus(e.stdout, f, all)
	}
	for _, p := range all {
		if p.Reachable {
			return exitOK
		}
	}
	return exitUnreachable
}

// unanswered says that no process is to be spoken to, and what to do.
func unanswered(e env, f *cluster.File, file string, asJSON bool, err error) int {
	if asJSON {
		printStatusJSON(e.stdout, f, members(f))
	}
	if code, refused := refusedOperator(err, file); refused != nil {
		return fail(e, "status", code, refused)
	}
	return fail(e, "status", exitUnreachable, fmt.Errorf("%w\n  Start each process of %s with `eyrie node`, or your service's program; `eyrie up` starts all of them again where it made the cluster", err, file))
}

func printStatusJSON(w io.Writer, f *cluster.File, all []processStatus) {
	printJSON(w, map[string]any{"cluster": f.Cluster, "processes": all})
}

// members are all processes, none of which has answered yet.
func members(f *cluster.File) []processStatus {
	var all []processStatus
	for p, members := range f.Partitions {
		for _, m := range members {
			all = append(all, processStatus{Process: m.ID, Partition: ids.Partition(p), Addr: m.Addr})
		}
	}
	return all
}

// refusedOperator explains why the processes refuse an operator; nil if they do not.
func refusedOperator(err error, file string) (code int, explained error) {
	switch {
	case errors.Is(err, transport.ErrVersion):
		return exitRefused, fmt.Errorf("%w\n  This eyrie is of another build than the program that runs the processes: use one of the same", err)
	case errors.Is(err, transport.ErrRefused):
		return exitRefused, fmt.Errorf("%w\n  Is %s the file that the processes were started with?", err, file)
	}
	return exitOK, nil
}

// dialOperator connects to a cluster, whatever its service is.
func dialOperator(ctx context.Context, f *cluster.File, timeout time.Duration) (*host.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return host.Dial(ctx, host.FileOperator(f))
}

func askAll(ctx context.Context, c *host.Client, f *cluster.File, timeout time.Duration) []processStatus {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	all := members(f)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			go giveUp(ctx, cancel, all[i].Addr)
			doc, err := c.Status(ctx, all[i].Process)
			var s node.Status
			if err == nil && json.Unmarshal(doc, &s) == nil {
				all[i].Reachable, all[i].Status = true, &s
			} else if at := c.Stranger(all[i].Process); at != nil {
				all[i].Stranger = at.Error()
			}
		})
	}
	wg.Wait()
	return all
}

// giveUp calls cancel when nobody listens at an address from which no answer
// has come for a while: it would not come later.
func giveUp(ctx context.Context, cancel context.CancelFunc, addr string) {
	select {
	case <-time.After(200 * time.Millisecond):
	case <-ctx.Done():
		return
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err == nil {
		conn.Close()
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		cancel()
	}
}
