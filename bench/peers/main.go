// Command peers measures Eyrie beside other systems, each turn about turn:
//
//	go run . order [-json] [-quick] [-outstanding 1,64,1024]
//
// It is a module of its own, so that peers stay out of the library's
// requirements.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/bench/peers/etcdraft"
	"github.com/eyrie-dev/eyrie/bench/peers/hashiraft"
)

const usage = `usage: peers order [flags]

order   one partition of three replicas in memory: eyrie, etcd's raft library, and a floor without protocol
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	if len(args) == 0 || args[0] != "order" {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	return bench.OrderBeside(ctx, args[1:], os.Stdout, os.Stderr, references, peers()...)
}

// references are the two libraries to the better of which ratios refer.
var references = []string{"etcd-raft", "hashicorp-raft"}

func peers() (all []bench.Contender) {
	for _, who := range []bench.Contender{etcdraft.Contender(), hashiraft.Contender(), etcdraft.Remote(), etcdraft.Packed(), etcdraft.Plain()} {
		all = append(all, bench.Sharded(who))
	}
	return all
}
