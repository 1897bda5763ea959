package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/bench/scale"
)

// part is one bench of the whole, with the flags that it takes in a full run,
// whose parts together last about an hour and a quarter, and in a quick one: less
// than two minutes. Without flags for the latter, it is not in it.
type part struct {
	name, title string
	bench       string
	full, quick []string
}

const (
	ours = "ridge,ridge remote,eyrie near,eyrie"
	libs = "etcd-raft,hashicorp-raft"
	// documented has etcd's library as its documentation shows it, too.
	documented = ours + "," + libs + ",etcd-raft plain,floor"
	peaksOnly  = "ridge,eyrie near," + libs
	// social are Retwis and Chirper in all ways, replies those with both replies.
	social  = "retwis plain,retwis pipelined,retwis mget,retwis text,chirper s-smr,chirper s-smr waiting,chirper baseline,chirper full,chirper full hasty"
	replies = "retwis pipelined,chirper s-smr,chirper baseline,chirper full"
	onDisk  = "floor durable,ridge durable,hashicorp-raft durable,etcd durable"
)

var parts = []part{
	{"order", "Ordering, by operations outstanding", "order",
		[]string{"-vary", "outstanding", "-budget", "3m", "-only", documented},
		[]string{"-budget", "20s", "-only", ours + "," + libs + ",floor"}},
	{"workers", "Ordering, a goroutine waiting for each operation", "order",
		[]string{"-workers", "-vary", "outstanding", "-budget", "2m", "-only", documented},
		[]string{"-workers", "-budget", "8s", "-outstanding", "64", "-only", "ridge,eyrie near," + libs}},
	{"sizes", "Ordering, by size of a message", "order",
		[]string{"-vary", "size", "-budget", "90s", "-only", ours + "," + libs + ",floor,loopback"},
		[]string{"-vary", "size", "-budget", "10s", "-sizes", "100,64000", "-only", "ridge," + libs + ",loopback"}},
	{"groups", "Ordering, by groups, and by destinations of a message", "order",
		[]string{"-vary", "groups,destinations", "-groups", "1,2,4,8", "-budget", "90s", "-only", ours + "," + libs + ",floor"},
		[]string{"-vary", "groups,destinations", "-budget", "10s", "-only", "ridge," + libs}},
	{"merge", "What merging costs: one operation outstanding, by groups", "order",
		[]string{"-vary", "groups", "-at", "1", "-budget", "40s", "-only", ours},
		[]string{"-vary", "groups", "-at", "1", "-groups", "1,2", "-budget", "4s", "-only", "ridge,ridge remote"}},
	{"broadcast", "Highest throughput and maximum power, by destinations (figure 5.1)", "power",
		[]string{"-vary", "replicas", "-budget", "90s", "-only", peaksOnly},
		[]string{"-vary", "replicas", "-budget", "10s", "-sizes", "200,64000", "-replicas", "3,6", "-outstanding", "16,128", "-only", "ridge," + libs}},
	{"multicast", "Highest throughput and maximum power, by groups (figure 5.2)", "power",
		[]string{"-vary", "groups", "-budget", "90s", "-only", peaksOnly},
		[]string{"-vary", "groups", "-budget", "10s", "-sizes", "200,64000", "-groups", "1,2", "-outstanding", "16,128", "-only", "ridge," + libs}},
	{"latency", "Optimistic and conservative delivery, by load (figure 5.3)", "latency",
		[]string{"-budget", "3m"},
		[]string{"-budget", "14s", "-in", "one,mixed", "-loads", "0.5", "-delays", "0,500us"}},
	{"latency-64kB", "The same, 64 kB messages as in the dissertation, one group", "latency",
		[]string{"-size", "64000", "-outstanding", "64", "-in", "one", "-delays", "0", "-budget", "40s"},
		[]string{"-budget", "4s", "-size", "64000", "-outstanding", "64", "-in", "one", "-delays", "0", "-loads", "0.5"}},
	{"durable", "On disk, by operations outstanding", "durable",
		[]string{"-budget", "2m", "-only", onDisk},
		[]string{"-budget", "16s", "-outstanding", "1,64", "-only", onDisk}},
	{"durable-workers", "On disk, a goroutine waiting for each operation", "durable",
		[]string{"-workers", "-budget", "2m", "-only", onDisk}, nil},
	{"durable-groups", "On disk, by groups", "durable",
		[]string{"-vary", "groups", "-at", "64", "-budget", "1m", "-only", onDisk}, nil},
	{"sweep", "Commands on two partitions, with and without convoy", "sweep",
		[]string{"-budget", "1m"}, []string{"-budget", "8s"}},
	{"reads", "Linearizable reads, and writes", "reads",
		[]string{"-budget", "1m"}, []string{"-budget", "6s"}},
	{"volery", "Volery, ZKsmr and ZooKeeper: setData (figures 4.2 to 4.5)", "volery",
		[]string{"-commands", "setData", "-rounds", "3", "-budget", "6m"},
		[]string{"-commands", "setData", "-sizes", "100", "-partitions", "1,2", "-warm", "300ms", "-window", "700ms", "-budget", "20s"}},
	{"volery-reads", "The same: getData, which is linearizable in ours and local in ZooKeeper", "volery",
		[]string{"-commands", "getData", "-storage", "memory", "-rounds", "3", "-budget", "2m"},
		[]string{"-commands", "getData", "-storage", "memory", "-sizes", "100", "-partitions", "1", "-loads", "1", "-budget", "5s"}},
	{"volery-global", "The same: a share of create and delete (figures 4.6 and 4.7)", "volery",
		[]string{"-commands", "setData", "-storage", "memory", "-sizes", "1000", "-shares", "0,0.01,0.05,0.1", "-rounds", "2", "-budget", "3m"},
		[]string{"-commands", "setData", "-storage", "memory", "-sizes", "1000", "-shares", "0,0.1", "-partitions", "1,2", "-budget", "10s"}},
	{"chirper", "Chirper beside Retwis: timelines, a mix and posts, by partitions (figures 6.2 to 6.4)", "chirper",
		[]string{"-workloads", "timeline,timeline-read,mix,post", "-partitions", "1,2,4,8", "-loads", "1,0.75", "-users", "4000", "-rounds", "3", "-budget", "14m", "-only", social},
		[]string{"-workloads", "timeline,mix", "-partitions", "1,2", "-loads", "1,0.75", "-users", "500", "-budget", "40s"}},
	{"chirper-delay", "The same, with a one-way delay of 0.5 ms between processes", "chirper",
		[]string{"-workloads", "timeline,mix", "-partitions", "1,2", "-loads", "1,0.75,0.1", "-delays", "500us", "-users", "4000", "-rounds", "3", "-budget", "6m", "-only", replies}, nil},
	{"failover", "Failures under full load", "failover",
		[]string{"-window", "4s"}, []string{"-budget", "12s", "-partitions", "1", "-faults", "coordinator"}},
	{"soak", "Ten minutes of full load on disk: room and memory", "soak",
		[]string{"-minutes", "10"}, nil},
	{"rejoin", "A replica with a million variables comes back under load", "rejoin",
		[]string{"-variables", "1000000"}, nil},
	{"scale", "Beyond this machine: the simulated model", "scale",
		nil, []string{"-groups", "1,4,8", "-destinations", "4,16"}},
}

// all runs the parts one after another, keeps what they say, and draws the
// figures.
func all(ctx context.Context, args []string) int {
	f := flag.NewFlagSet("all", flag.ContinueOnError)
	quick := f.Bool("quick", false, "everything in less than two minutes, with short windows")
	only := f.String("only", "", "only these parts, separated by commas; the others' results stay as they are")
	graph := f.String("graph", "", "social graph for the parts called chirper, as an edge list of SNAP's (default: generated)")
	out := f.String("out", "", "folder for results (default ../../docs/benchmarks/full, or .../quick)")
	if f.Parse(args) != nil || f.NArg() > 0 {
		return 2
	}
	kind := "full"
	if *quick {
		kind = "quick"
	}
	if *out == "" {
		*out = filepath.Join("..", "..", "docs", "benchmarks", kind)
	}
	status, ran, begin := 0, 0, time.Now()
	for _, p := range parts {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), p.name) || find(p.bench) == nil || *quick && p.quick == nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "\n=== %s (%v so far)\n\n", p.name, time.Since(begin).Round(time.Second))
		ran++
		if p.bench == "chirper" && *graph != "" {
			p = p.on(*graph)
		}
		if s, err := p.run(ctx, *quick, *out); s != 0 || err != nil {
			status = 1
			fmt.Fprintf(os.Stderr, "%s: status %d: %v\n", p.name, s, err)
		}
		if ctx.Err() != nil {
			return 1
		}
	}
	if ran == 0 {
		fmt.Fprintf(os.Stderr, "no part is called %s\n", *only)
		return 2
	}
	if err := errors.Join(draw(*out), page(*out, *quick)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintf(os.Stderr, "\n%d parts in %v; see %s\n", ran, time.Since(begin).Round(time.Second), filepath.Join(*out, "README.md"))
	return status
}

// on is the part with a social graph of the user's.
func (p part) on(graph string) part {
	for _, flags := range []*[]string{&p.full, &p.quick} {
		if *flags != nil { // else the part is not in such a run
			*flags = append([]string{"-graph", graph}, *flags...)
		}
	}
	return p
}

func (p part) flags(quick bool) []string {
	flags := p.full
	if quick {
		flags = p.quick
	}
	if quick || slices.Contains(flags, "-budget") {
		return append([]string{"-quick"}, flags...)
	}
	return flags
}

// run leaves the part's points in NAME.json and its tables in NAME.txt.
func (p part) run(ctx context.Context, quick bool, out string) (status int, err error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return 1, err
	}
	points, err := os.Create(filepath.Join(out, p.name+".json"))
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, points.Close()) }()
	words, err := os.Create(filepath.Join(out, p.name+".txt"))
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, words.Close()) }()
	return find(p.bench)(ctx, append([]string{"-json"}, p.flags(quick)...), points, io.MultiWriter(words, os.Stderr)), nil
}

// runner is a bench's function.
type runner func(ctx context.Context, args []string, stdout, stderr io.Writer) int

// find is the bench of that name, with the peers if it takes any.
func find(name string) runner {
	switch name {
	case "order":
		return func(ctx context.Context, args []string, stdout, stderr io.Writer) int {
			return bench.OrderBeside(ctx, args, stdout, stderr, references, peers()...)
		}
	case "durable":
		return func(ctx context.Context, args []string, stdout, stderr io.Writer) int {
			return bench.DurableBeside(ctx, args, stdout, stderr, durableReferences, durable()...)
		}
	case "volery":
		return besideZooKeeper
	case "chirper":
		return besideRedis
	case "soak":
		return func(ctx context.Context, args []string, stdout, stderr io.Writer) int {
			return bench.SoakOf(ctx, args, stdout, stderr, buildEyrie)
		}
	case "power":
		return func(ctx context.Context, args []string, stdout, stderr io.Writer) int {
			return bench.PowerBeside(ctx, args, stdout, stderr, libraries()...)
		}
	}
	for _, b := range append(bench.Benches(), scale.Bench) {
		if b.Name == name {
			return b.Run
		}
	}
	return nil
}
