package bench

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Volery measures the ZooKeeper-like service as section 4.6 of the dissertation
// does. args are flags (see -help); it returns an exit status.
func Volery(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return VoleryBeside(ctx, args, stdout, stderr, func(context.Context) (string, error) { return os.Executable() })
}

// VoleryBeside is Volery with peers, whose one cluster is measured where ours
// has one partition, and with a way to find a binary whose command node runs
// our servers. Servers are processes of their own, and so is the client.
func VoleryBeside(ctx context.Context, args []string, stdout, stderr io.Writer, binary func(context.Context) (string, error), peers ...Apart) int {
	if isClient() {
		return beClient(ctx, append(volerySystems("", false), peers...), os.Stdin, stdout, stderr)
	}
	m := tree{
		commands: []string{SetData, GetData}, storage: []string{InMemory, OnDisk}, loads: shareList{1, 0.75},
		sizes: []int{100, 1000, 10_000}, partitions: []int{1, 2, 4, 8}, shares: globalShares{0},
	}
	d := defaults()
	d.rounds, d.warm, d.window, d.own = 3, time.Second, 2*time.Second, m.flags
	s, err := parse("volery", args, stderr, d)
	if err != nil {
		return 2
	}
	if m.binary == "" {
		if m.binary, err = binary(ctx); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
	}
	dir, err := os.MkdirTemp(m.dir, "eyrie-volery-")
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	var where string
	if slices.Contains(m.storage, OnDisk) {
		if where, err = disk(dir); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
		where = "\n" + where
	}
	p := &Plan{
		Bench: "volery",
		Title: "volery: setData and getData of a ZooKeeper-like service; three server processes for each partition, the client in a process\n" +
			"of its own, over loopback TCP; at full load, and at shares of each system's own full load" + where,
		TurnCost: voleryTurn,
		Cases:    m.cases(s, dir), Modules: []string{"github.com/go-zookeeper/zk"},
		Tables: []Table{WriteVolery, WriteStages}, CDF: true, LoadsOf: itself,
	}
	durable := canStore(ctx, m.binary)
	if !durable && slices.Contains(m.storage, OnDisk) {
		fmt.Fprintf(stderr, "durable: NOT AVAILABLE: %s node has no flag -%s; Volery and ZKsmr are left out on disk\n", filepath.Base(m.binary), nodeDirFlag)
	}
	for _, a := range append(peers, volerySystems(m.binary, durable)...) {
		p.Contenders = append(p.Contenders, a.contender(p.Bench, stderr))
	}
	return execute(ctx, p, s, stdout, stderr)
}

// voleryTurn is what a turn takes besides its phases.
const voleryTurn = time.Second

// volerySystems are our service under its two names, and with two clients.
func volerySystems(binary string, durable bool) []Apart {
	servers := func(c Case) Servers { return &nodeProcesses{binary: binary, stores: durable, c: c} }
	callback := func(c Case, address json.RawMessage, cpu func() time.Duration) (System, error) {
		return newVoleryClient(c, address, cpu)
	}
	waiting := func(c Case, address json.RawMessage, cpu func() time.Duration) (System, error) {
		v, err := newVoleryClient(c, address, cpu)
		return &voleryWaiter{voleryClient: v}, err
	}
	stores := func(c Case) bool { return durable || c.Dir == "" }
	return []Apart{
		{System: "zksmr", Servers: servers, Client: callback, Can: func(c Case) bool { return stores(c) && c.Partitions == 1 }},
		{System: "zksmr", Variant: "waiting", Servers: servers, Client: waiting,
			Can: func(c Case) bool { return stores(c) && c.Partitions == 1 && c.Load == 1 }},
		{System: "volery", Servers: servers, Client: callback, Can: func(c Case) bool { return stores(c) && c.Partitions > 1 }},
	}
}

// tree are the cases of Volery.
type tree struct {
	commands, storage []string
	sizes, partitions []int
	shares            globalShares
	loads             shareList
	dir, binary       string
}

func (m *tree) flags(f *flag.FlagSet) {
	f.Var(words{&m.commands, SetData + " " + GetData}, "commands", "what local commands do, separated by commas")
	f.Var(words{&m.storage, InMemory + " " + OnDisk}, "storage", "where servers keep their state, separated by commas: memory, disk")
	f.Var((*numbers)(&m.sizes), "sizes", "bytes of a value")
	f.Var((*numbers)(&m.partitions), "partitions", "numbers of partitions; with 1 it is called ZKsmr, after the dissertation")
	f.Var(&m.shares, "shares", "shares of global commands, creates and deletes in turn, each on two partitions")
	f.Var(&m.loads, "loads", "shares of each system's own highest throughput, which 1 (-outstanding operations at all times) stands for and measures")
	f.StringVar(&m.dir, "dir", "", "folder for the servers' files, on a disk (default: the system's for temporary files)")
	f.StringVar(&m.binary, "eyrie", "", "binary whose command node runs our servers")
}

func (m *tree) cases(s settings, dir string) (cs []Case) {
	folder := map[string]string{OnDisk: dir}
	for _, storage := range m.storage {
		for _, command := range m.commands {
			for _, size := range m.sizes {
				for _, share := range m.shares {
					for _, n := range s.outstanding {
						for _, partitions := range m.partitions {
							for _, load := range m.loads {
								cs = append(cs, Case{Partitions: partitions, Replicas: 3, Size: size, Outstanding: n,
									MultiShare: share, Load: load, Command: command, Dir: folder[storage]})
							}
						}
					}
				}
			}
		}
	}
	return cs
}

// globalShares is a flag's list of shares of global commands.
type globalShares []float64

// Set implements flag.Value.
func (l *globalShares) Set(list string) error {
	*l = nil
	for w := range strings.SplitSeq(list, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(w), 64)
		if err != nil || v < 0 || v > 1 {
			return fmt.Errorf("%q is not a share from 0 to 1", w)
		}
		*l = append(*l, v)
	}
	return nil
}

// String implements flag.Value.
func (l *globalShares) String() string { return (*shareList)(l).String() }

// itself has each contender's loads be shares of its own highest throughput.
func itself(contender string) string { return contender }
