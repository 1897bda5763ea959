package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Chirper measures the social network as section 6.6 of the dissertation does.
// args are flags (see -help); it returns an exit status.
func Chirper(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return ChirperBeside(ctx, args, stdout, stderr, func(context.Context) (string, error) { return os.Executable() }, nil)
}

// ChirperBeside is Chirper with peers, if peers is not nil, whose one server is
// measured where ours has one partition, and with a way to find a binary whose
// command node runs our servers. Servers are processes of their own, and so is
// the client.
func ChirperBeside(ctx context.Context, args []string, stdout, stderr io.Writer, binary func(context.Context) (string, error), peers func(*Keeper) []Apart) (status int) {
	var k Keeper
	systems := func(binary string) []Apart {
		var all []Apart
		if peers != nil {
			all = peers(&k)
		}
		return append(all, chirperSystems(&k, binary)...)
	}
	if isClient() {
		return beClient(ctx, systems(""), os.Stdin, stdout, stderr)
	}
	m := network{
		commands: []string{Timeline, TimelineRead, Mix, Post}, loads: shareList{1, 0.75, 0.1},
		partitions: []int{1, 2, 4, 8}, delays: []string{"0"}, users: 4000,
	}
	d := defaults()
	d.rounds, d.warm, d.window, d.own = 3, time.Second, 2*time.Second, m.flags
	s, err := parse("chirper", args, stderr, d)
	if err != nil {
		return 2
	}
	if s.quick {
		m.reduce(&s)
	}
	if err := m.check(s); err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	if m.binary == "" {
		if m.binary, err = binary(ctx); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
	}
	p := &Plan{
		Bench: "chirper", Title: m.title(s),
		TurnCost: chirperTurn, Cases: m.cases(s), Together: sameServers,
		Modules: []string{"github.com/redis/rueidis"},
		Tables:  []Table{WriteSocial, WriteEarly, WriteComponents, WriteShown}, CDF: true, LoadsOf: sameLoads,
	}
	for _, a := range systems(m.binary) {
		p.Contenders = append(p.Contenders, a.contender(p.Bench, stderr))
	}
	defer func() {
		if err := k.Close(); err != nil && status == 0 {
			fmt.Fprintln(stderr, err)
			status = 1
		}
	}()
	return execute(ctx, p, s, stdout, stderr)
}

// chirperTurn is what a turn takes besides its phases: a client's start, and a
// part of the loading of servers.
const chirperTurn = 1500 * time.Millisecond

// network are the cases of Chirper.
type network struct {
	commands      []string
	partitions    []int
	loads         shareList
	delays        []string
	users         int
	skew          float64
	graph, binary string
	f             *flag.FlagSet // that of the flags
}

// reduce takes less where nothing was asked for, so that a quick run has time
// for it.
func (m *network) reduce(s *settings) {
	given := map[string]bool{}
	m.f.Visit(func(x *flag.Flag) { given[x.Name] = true })
	if !given["workloads"] {
		m.commands = []string{Timeline, Mix, Post}
	}
	if !given["partitions"] {
		m.partitions = []int{1, 2}
	}
	if !given["loads"] {
		m.loads = shareList{1, 0.75}
	}
	if !given["users"] {
		m.users = 1000
	}
	if !given["only"] {
		s.only = strings.Join([]string{retwisPipelined, "chirper " + ourSMR, "chirper " + ourBaseline, "chirper " + ourFull}, ",")
	}
}

func (m *network) flags(f *flag.FlagSet) {
	m.f = f
	f.Var(words{&m.commands, strings.Join([]string{Timeline, TimelineRead, Mix, MixRead, Post}, " ")}, "workloads",
		"what clients do, separated by commas: timeline (all getTimeline), mix (85 % getTimeline, 7.5 % post, 3.75 % follow, 3.75 % unfollow), post, "+
			"and the first two with getTimeline read without a place in the order: timeline-read, mix-read")
	f.Var((*numbers)(&m.partitions), "partitions", "numbers of partitions; -outstanding is for each")
	f.Var(&m.loads, "loads", "shares of the highest throughput (of S-SMR's for all of ours), which 1 (-outstanding operations at all times) stands for and measures")
	f.Var(words{&m.delays, allowedDelays}, "delays", "one-way delays between processes, separated by commas")
	f.StringVar(&m.graph, "graph", "", "social graph as an edge list of SNAP's, perhaps packed by gzip (default: one is generated)")
	f.IntVar(&m.users, "users", m.users, "users of a generated graph")
	f.Float64Var(&m.skew, "skew", 0, "exponent, above 1, of a Zipf law by which users act; 0: all act equally often")
	f.StringVar(&m.binary, "eyrie", "", "binary whose command node runs our servers")
}

var errNetwork = errors.New("chirper: want 2 users at least, texts of 140 bytes at most, and a skew above 1 or none")

func (m *network) check(s settings) error {
	if m.users < 2 || s.size > 140 || m.skew != 0 && m.skew <= 1 || s.workers {
		return errNetwork
	}
	if m.graph != "" {
		var err error
		if m.graph, err = filepath.Abs(m.graph); err != nil {
			return err
		}
	}
	_, err := LoadPeople(Case{Graph: m.graph, Users: m.users})
	return err
}

// sameLoads has all of ours offered one rate: what optimistic execution costs is
// asked at the same load.
func sameLoads(contender string) string {
	if strings.HasPrefix(contender, "chirper ") {
		return "chirper " + ourSMR
	}
	return contender
}

func (m *network) title(s settings) string {
	graph := fmt.Sprintf("a generated graph of %d users", m.users)
	if m.graph != "" {
		graph = filepath.Base(m.graph)
	}
	act := "equally often"
	if m.skew > 0 {
		act = fmt.Sprintf("by a Zipf law with exponent %v", m.skew)
	}
	return fmt.Sprintf("chirper: a social network on %s, texts of %d B, timelines of %d posts at most; users act %s;\n"+
		"three server processes for each partition (together: three for all), the client in a process of its own, over loopback TCP, in memory; -outstanding is for each partition;\n"+
		"at full load, and at shares of it: ours, however executed, of S-SMR's, so at one rate", graph, s.size, TimelineBound, act)
}

func (m *network) cases(s settings) (cs []Case) {
	for _, delay := range m.delays {
		d, _ := time.ParseDuration(delay) // one of those allowed
		for _, n := range s.outstanding {
			for _, partitions := range m.partitions {
				for _, command := range m.commands {
					for _, load := range m.loads {
						cs = append(cs, Case{
							Partitions: partitions, Replicas: 3, Size: s.size, Outstanding: n * partitions, Load: load, Command: command,
							Delay: d, Graph: m.graph, Users: m.users, Skew: m.skew,
						})
					}
				}
			}
		}
	}
	return cs
}

// sameServers says whether servers that were loaded for one case do for another.
func sameServers(a, b Case) bool {
	a.Command, a.Load, a.Rate, a.Outstanding = b.Command, b.Load, b.Rate, b.Outstanding
	return a == b
}
