package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/ridge"
)

// nodeMembers are the processes of the file that list names, by id.
func nodeMembers(f *cluster.File, file, list string) ([]cluster.Member, error) {
	if list == "" {
		return nil, notNamed(file, "--id")
	}
	var members []cluster.Member
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("--id %s: %q is no process; name one by its number, or several separated by commas", list, text)
		}
		m, err := listedIn(f, file, n, "--id")
		if err != nil {
			return nil, err
		}
		if slices.Contains(members, m) {
			return nil, fmt.Errorf("--id %s: process %d is named twice", list, n)
		}
		members = append(members, m)
	}
	for p, replicas := range f.Partitions {
		here := 0
		for _, r := range replicas {
			if slices.ContainsFunc(members, func(m cluster.Member) bool { return m.ID == r.ID }) {
				here++
			}
		}
		if here > 1 {
			return nil, fmt.Errorf("--id %s: two of them are replicas of partition %d, and one failure would take both; give one of each partition", list, p)
		}
	}
	slices.SortFunc(members, func(a, b cluster.Member) int { return cmp.Compare(a.ID, b.ID) })
	return members, nil
}

// listedIn is the process of the file that the number given with a flag names.
func listedIn(f *cluster.File, file string, n uint64, flag string) (m cluster.Member, err error) {
	addr, ok := f.Addrs()[ids.Process(n)]
	if !ok || n > 65535 {
		return m, noProcess(file, n, flag)
	}
	return cluster.Member{ID: ids.Process(n), Addr: addr}, nil
}

func notNamed(file, flag string) error {
	return fmt.Errorf("%s is missing: which of the processes of %s?", flag, file)
}

func noProcess(file string, n uint64, flag string) error {
	return fmt.Errorf("%s has no process %d; give one of its ids with %s", file, n, flag)
}

// startMembers starts processes in this one: with a directory of its own, if it
// is one and has not shared it, or with one that they share; in memory, if dir is
// empty. end stops them, also after an error.
func startMembers(ctx context.Context, f *cluster.File, members []cluster.Member, dir string, log *slog.Logger) (nodes []*host.Node, end func(), err error) {
	var shared *host.Shared
	end = func() {
		for _, n := range nodes {
			n.Close()
		}
		if shared != nil {
			if err := shared.Close(); err != nil {
				log.Error("closing the shared directory", "err", err)
			}
		}
	}
	if dir != "" && (len(members) > 1 || host.SharedDir(dir)) {
		var here []ids.Process
		for _, m := range members {
			here = append(here, m.ID)
		}
		if shared, err = host.OpenShared(dir, f.Cluster, f.Topology(), here, log); err != nil {
			return nil, end, err
		}
	}
	for _, m := range members {
		cfg := nodeConfig(f, m.ID, log)
		if cfg.Shared = shared; shared == nil {
			cfg.Dir = dir
		}
		n, err := host.StartNode(ctx, cfg)
		if err != nil {
			return nodes, end, err
		}
		nodes = append(nodes, n)
	}
	return nodes, end, nil
}

// waitMembers waits until it is time to stop, or a process has: they stop
// together, so that whoever starts this program again starts all. But one that
// has been replaced stops alone: no start would help it, and the others need not
// suffer. It returns why, if it was not told to.
func waitMembers(ctx context.Context, nodes []*host.Node, members []cluster.Member, log *slog.Logger) error {
	stopped := make(chan int, len(nodes))
	for i, n := range nodes {
		go func() {
			<-n.Done()
			stopped <- i
		}()
	}
	replaced := make([]bool, len(nodes))
	for slices.Contains(replaced, false) {
		select {
		case <-ctx.Done():
			return endMembers(nodes, replaced)
		case i := <-stopped:
			if err := nodes[i].Err(); !errors.Is(err, ridge.ErrReplaced) && !errors.Is(err, node.ErrForgotten) {
				return endMembers(nodes, replaced)
			}
			replaced[i] = true
			if len(nodes) > 1 {
				log.Warn("it has been replaced; the others of this program go on; see eyrie forget --help before the next start", "process", members[i].ID)
			}
		}
	}
	return endMembers(nodes, nil)
}

// endMembers stops what still runs, all at once: each may have a last checkpoint to
// write. It returns their errors, but those that have been told already.
func endMembers(nodes []*host.Node, told []bool) error {
	var errs []error
	for _, n := range nodes {
		go n.Close()
	}
	for i, n := range nodes {
		n.Close()
		if told == nil || !told[i] {
			errs = append(errs, n.Err())
		}
	}
	return errors.Join(errs...)
}

// ranElsewhere refuses a new directory for a process that has one with others, or
// had one alone: it would begin with nothing, and wait to be admitted.
func ranElsewhere(dir string, members []cluster.Member) error {
	if used(dir) {
		return nil
	}
	m, there := ranFrom(filepath.Dir(dir), members)
	if there == "" {
		return nil
	}
	list := strings.ReplaceAll(filepath.Base(there), "-", ",")
	return fmt.Errorf("process %d has run from %s; start it with --id %s, as then; or name the directory by --dir: that one, if what others left there has been forgotten (eyrie forget), or a new one, where it begins with nothing", m, there, list)
}

// ranDurable refuses to keep in memory what a process has kept on a disk: it would
// begin with nothing, and the others would not speak with it.
func ranDurable(data string, members []cluster.Member) error {
	m, there := ranFrom(data, members)
	if there == "" {
		return nil
	}
	return fmt.Errorf("process %d has kept its state in %s; start it without --memory, or, if nobody needs that any more, move it away first", m, there)
}

// ranFrom is a directory in data that one of the processes has run from, alone or
// with others; empty if there is none.
func ranFrom(data string, members []cluster.Member) (m ids.Process, there string) {
	dirs, _ := os.ReadDir(data) // none yet, or the start says why not
	for _, dir := range dirs {
		if there = filepath.Join(data, dir.Name()); !used(there) {
			continue
		}
		ran := strings.Split(dir.Name(), "-")
		for _, m := range members {
			if slices.Contains(ran, fmt.Sprint(m.ID)) {
				return m.ID, there
			}
		}
	}
	return 0, ""
}

// used says whether there is something in a directory.
func used(dir string) bool {
	files, err := os.ReadDir(dir)
	return err == nil && len(files) > 0
}

// sayState logs what a process is waiting for, until it takes part.
func sayState(ctx context.Context, n *host.Node, log *slog.Logger) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for last := ""; last != node.Ready; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s, err := n.Status(ctx)
		if err != nil {
			return // it has stopped
		}
		if s.State != last {
			last = s.State
			log.Info(last)
		}
	}
}

// named is members for people.
func named(members []cluster.Member) string {
	if len(members) == 1 {
		return fmt.Sprintf("Process %d", members[0].ID)
	}
	return "One of these processes"
}
