package bench

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
)

// DurableBeside measures durable ordering: what is complete survives the loss of
// power at all replicas. Its reference is the least that three replicas can do,
// the floor, and the best of the references among the peers. args are flags (see
// -help); it returns an exit status.
func DurableBeside(ctx context.Context, args []string, stdout, stderr io.Writer, references []string, peers ...Contender) int {
	m := matrix{vary: []string{"outstanding"}, at: 256, sizes: []int{100, 1000, 10_000}, groups: []int{1, 4}, destinations: []int{1}}
	d, dir := defaults(), ""
	d.outstanding = []int{1, 64, 256}
	d.own = func(f *flag.FlagSet) {
		m.flags(f)
		f.StringVar(&dir, "dir", "", "folder for the systems' files, on a disk (default: the system's for temporary files)")
	}
	s, err := parse("durable", args, stderr, d)
	if err != nil {
		return 2
	}
	if dir, err = os.MkdirTemp(dir, "eyrie-durable-"); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	where, err := disk(dir)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	const floor = "floor durable"
	ours := []string{"ridge durable", "eyrie durable"}
	p := &Plan{
		Bench: "durable",
		Title: "durable: groups of 3 replicas and the client in one process over loopback TCP, every replica syncs to the same disk",
		Disk:  where,
		Contenders: append([]Contender{
			{System: "ridge", Variant: "durable", New: NewRidge},
			{System: "eyrie", Variant: "durable", New: NewNear},
			Sharded(Contender{System: "floor", Variant: "durable", New: NewFloor}),
		}, peers...),
		References: references,
		Tables:     []Table{ratios(ours, references), ratios(append(ours, references...), []string{floor})},
		Cases:      m.cases(s),
		Modules:    append(durableModules, peerModules...),
		TurnCost:   durableTurn,
	}
	for i := range p.Cases {
		p.Cases[i].Dir = dir
	}
	return execute(ctx, p, s, stdout, stderr)
}

var durableModules = []string{"github.com/hashicorp/raft-wal", "go.etcd.io/etcd/server/v3"}
