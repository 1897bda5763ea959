package bench

import (
	"context"
	"io"
)

// Bench is a measurement that has a name on the command line.
type Bench struct {
	Name, Short string
	// Run measures as args (flags) say and returns an exit status.
	Run func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

// Benches lists every bench.
func Benches() []Bench {
	return []Bench{
		{"order", "ordering in memory, by outstanding commands, size, groups and destinations", Order},
		{"power", "highest throughput, and latency at maximum power, by destinations and groups", Power},
		{"reads", "linearizable reads without an instance beside ordered writes, from a process of the client's own", Reads},
		{"volery", "setData and getData of the ZooKeeper-like service, by storage, size, partitions and global commands", Volery},
		{"chirper", "the social network: timelines, posts and a mix, by partitions, with and without optimistic execution", Chirper},
		{"latency", "optimistic and conservative delivery at clients on the network, by load", Latency},
		{"soak", "minutes of full load on durable processes: whether disk and memory stay flat", Soak},
		{"rejoin", "how a replica with a million variables comes back under load: how long it takes, and what clients notice", Rejoin},
		{"sweep", "two partitions, by the share of two-partition commands, with and without convoy", Sweep},
		{"failover", "a slow learner, and a dead distributor, chain acceptor or coordinator, under full load", Failover},
	}
}
