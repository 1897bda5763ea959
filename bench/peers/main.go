// Command peers measures Eyrie beside other systems, each turn about turn:
//
//	go run . order|power|... [-json] [-quick] [flags]
//	go run . all [-quick] [-only PART,...]
//
// It is a module of its own, so that peers stay out of the library's
// requirements.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/bench/peers/etcdraft"
	"github.com/eyrie-dev/eyrie/bench/peers/etcdserver"
	"github.com/eyrie-dev/eyrie/bench/peers/hashiraft"
	"github.com/eyrie-dev/eyrie/bench/peers/retwis"
	"github.com/eyrie-dev/eyrie/bench/peers/zookeeper"
)

const usage = `usage: peers BENCH [flags]; peers BENCH -help says more

all     everything, with tables and figures as files; -quick: in less than two minutes; -only: some of it
figures the figures of a folder with results anew
order   ordering in memory, by outstanding commands, size and groups, beside etcd's raft library and hashicorp/raft
durable ordering on disk, beside hashicorp/raft with raft-wal, etcd, and the least that three replicas can do
volery  setData and getData of the ZooKeeper-like service beside a real ZooKeeper
chirper timelines, posts and a mix on the social network, beside Retwis on a real Redis
power   highest throughput, and latency at maximum power, beside the same
...     and every other bench of "eyrie bench"
`

func main() {
	runtime.MemProfileRate = 0 // as in eyrie
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	if len(args) > 1 && args[0] == "bench" { // a bench that starts itself again calls "bench NAME", as in eyrie
		args = args[1:]
	}
	if len(args) > 0 {
		switch args[0] {
		case "all":
			return all(ctx, args[1:])
		case "figures":
			return redraw(args[1:])
		}
		if b := find(args[0]); b != nil {
			return b(ctx, args[1:], os.Stdout, os.Stderr)
		}
	}
	fmt.Fprint(os.Stderr, usage)
	return 2
}

// redraw draws the figures of a folder anew.
func redraw(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "want one folder with results: ../../docs/benchmarks/full, say")
		return 2
	}
	if err := draw(args[0]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// besideZooKeeper is bench volery with a real ZooKeeper, if it is installed.
func besideZooKeeper(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ensembles, peers := zookeeper.New(), []bench.Apart{}
	defer ensembles.Close()
	if err := zookeeper.Installed(); err != nil {
		fmt.Fprintf(stderr, "zookeeper: SKIPPED: %v\n", err)
	} else {
		peers = append(peers, ensembles.Contender())
	}
	return bench.VoleryBeside(ctx, args, stdout, stderr, buildEyrie, peers...)
}

// besideRedis is bench chirper with Retwis on a real Redis, if it is installed.
func besideRedis(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	peers := retwis.Contenders
	if err := retwis.Installed(); err != nil {
		fmt.Fprintf(stderr, "retwis: SKIPPED: redis-server is %v\n", err)
		peers = nil
	}
	return bench.ChirperBeside(ctx, args, stdout, stderr, buildEyrie, peers)
}

// buildEyrie builds the program whose processes are measured.
func buildEyrie(ctx context.Context) (string, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, "bin", "eyrie")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/eyrie")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building eyrie: %w: %s", err, out)
	}
	return binary, nil
}

// references are the two libraries to the better of which ratios refer.
var references = []string{"etcd-raft", "hashicorp-raft"}

// libraries are the peers with their best settings.
func libraries() []bench.Contender {
	return []bench.Contender{bench.Sharded(etcdraft.Contender()), bench.Sharded(hashiraft.Contender())}
}

// peers are the libraries and variants that tell where their speed comes from.
func peers() []bench.Contender {
	return append(libraries(), bench.Sharded(etcdraft.Remote()), bench.Sharded(etcdraft.Packed()), bench.Sharded(etcdraft.Plain()))
}

// durableReferences are what durable ratios refer to the better of.
var durableReferences = []string{"hashicorp-raft durable", "etcd durable"}

// durable are the peers that keep their logs on a disk.
func durable() []bench.Contender {
	return []bench.Contender{bench.Sharded(hashiraft.Durable()), bench.Sharded(etcdserver.Durable())}
}
