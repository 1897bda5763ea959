package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/optimistic"
)

// runInit writes a cluster's file.
func runInit(_ context.Context, e env, args []string) int {
	fs := flags(e, "init", "[flags]", `Writes the file that describes a cluster of several processes and says what
to start. Copy the file to every machine; each process and every client reads
the same one.`+aboutExecution)
	file := fs.String("cluster", cluster.DefaultName, "`file` to write")
	partitions := fs.Int("partitions", 2, "number of partitions")
	replicas := fs.Int("replicas", 3, "replicas of each partition; 2f+1 survive f crashes")
	listen := fs.String("listen", "127.0.0.1:7411", "`host:port` of the first process; the others take the ports after it")
	addrs := fs.String("addrs", "", "comma-separated host:port of every process, partition by partition, instead of --listen")
	var execution optimistic.Mode
	executionFlag(fs, &execution, optimistic.Conservative, "")
	force := fs.Bool("force", false, "replace an existing file, which is kept under another name")
	asJSON := fs.Bool("json", false, "print what was written as JSON")
	if code, ok := parse(fs, e, args, 0); !ok {
		return code
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if given["addrs"] && given["listen"] {
		return fail(e, "init", exitUsage, errors.New("--addrs names every address, so leave out --listen, or the other way round"))
	}
	list := strings.Split(*addrs, ",")
	if *addrs == "" {
		var err error
		if list, err = consecutive(*listen, *partitions**replicas); err != nil {
			return fail(e, "init", exitUsage, err)
		}
	}
	f, err := newFile(*partitions, *replicas, list, execution)
	if err != nil {
		return fail(e, "init", exitUsage, err)
	}
	if _, err := os.Stat(*file); err == nil && !*force {
		return fail(e, "init", exitRefused, fmt.Errorf("%s exists; give another --cluster, or --force to overwrite it", *file))
	}
	aside, err := putAside(*file)
	if err != nil {
		return fail(e, "init", exitFailed, err)
	}
	if err := f.Save(*file); err != nil {
		if aside != "" {
			err = fmt.Errorf("%w\n  The file that was there is %s now", err, aside)
		}
		return fail(e, "init", exitFailed, err)
	}
	if *asJSON {
		printJSON(e.stdout, map[string]any{"file": *file, "cluster": f.Cluster, "aside": aside, "partitions": f.Partitions})
	} else {
		printInit(e.stdout, f, *file, aside)
	}
	return exitOK
}

// printInit says what was written, and what to start.
func printInit(w io.Writer, f *cluster.File, file, aside string) {
	if aside != "" {
		fmt.Fprintf(w, "the file that was there is %s now\n", aside)
	}
	fmt.Fprintf(w, "wrote %s: cluster %s, %s, execution %v\n", file, f.Cluster, sizeOf(f), f.Execution)
	if f.Execution == optimistic.Conservative {
		fmt.Fprint(w, "  There will be no optimistic replies; with --execution full, as of eyrie up, there are.\n")
	}
	fmt.Fprint(w, "\nStart every process, each where its address is:\n\n")
	for p, members := range f.Partitions {
		for _, m := range members {
			fmt.Fprintf(w, "  eyrie node --cluster %s --id %-3d  # partition %d, %s\n", quoted(file), m.ID, p, m.Addr)
		}
	}
	fmt.Fprint(w, "\nFor a service of your own it is your program that starts them, by ssmr.StartNode.\n")
	fmt.Fprintf(w, "\nThey order nothing until all have started. Then: eyrie status --cluster %s\n", quoted(file))
}

// sizeOf is how large a cluster is, for people.
func sizeOf(f *cluster.File) string {
	plural := func(n int, what string) string {
		if n == 1 {
			return "1 " + what
		}
		return fmt.Sprintf("%d %ss", n, what)
	}
	return plural(len(f.Partitions), "partition") + " of " + plural(len(f.Partitions[0]), "replica")
}

// putAside gives a file another name, if there is one: without it the data of the
// cluster that it describes could not be used any more.
func putAside(file string) (aside string, err error) {
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	for n := 1; ; n++ {
		aside = fmt.Sprintf("%s.%d", file, n)
		if _, err := os.Stat(aside); errors.Is(err, os.ErrNotExist) {
			return aside, os.Rename(file, aside)
		} else if err != nil {
			return "", err
		}
	}
}

// newFile describes a cluster with fresh identity; addrs partition by partition.
func newFile(partitions, replicas int, addrs []string, execution optimistic.Mode) (*cluster.File, error) {
	if partitions < 1 || replicas < 1 || partitions > 4096 || partitions*replicas > 65535 {
		return nil, errors.New("--partitions and --replicas must be at least 1, and their product below 65536")
	}
	if replicas%2 == 0 {
		return nil, evenReplicas(replicas)
	}
	if len(addrs) != partitions*replicas {
		return nil, fmt.Errorf("%d addresses for %d partitions of %d replicas; give %d", len(addrs), partitions, replicas, partitions*replicas)
	}
	var id [8]byte
	rand.Read(id[:])
	f := &cluster.File{Version: cluster.Version, Cluster: hex.EncodeToString(id[:]), Execution: execution}
	for p := range partitions {
		var members []cluster.Member
		for r := range replicas {
			i := p*replicas + r
			members = append(members, cluster.Member{ID: ids.Process(i + 1), Addr: strings.TrimSpace(addrs[i])})
		}
		f.Partitions = append(f.Partitions, members)
	}
	return f, f.Validate()
}

func evenReplicas(n int) error {
	return fmt.Errorf("--replicas %d: an odd number is needed: 3 survive one crash, 5 two", n)
}

// consecutive is n addresses from the first on.
func consecutive(first string, n int) ([]string, error) {
	host, text, err := net.SplitHostPort(first)
	if err != nil {
		return nil, fmt.Errorf("--listen %q is not HOST:PORT", first)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port+n-1 > 65535 {
		return nil, fmt.Errorf("--listen %q: %d ports from it on must lie within 1 to 65535", first, n)
	}
	var out []string
	for i := range n {
		out = append(out, net.JoinHostPort(host, strconv.Itoa(port+i)))
	}
	return out, nil
}
