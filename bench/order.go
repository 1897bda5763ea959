package bench

import (
	"context"
	"flag"
	"io"
	"slices"
	"strings"
)

// own are our systems and the bounds (floor and, for large values, loopback),
// the contenders of every bench of ordering.
func own() []Contender {
	return []Contender{
		Sharded(Contender{System: "floor", New: NewFloor, Can: func(c Case) bool { return c.Replicas == 3 }}),
		{System: "loopback", New: NewLoopback, Can: func(c Case) bool { return c.Partitions == 1 && c.Size >= 10_000 }},
		{System: "ridge", New: NewRidge},
		{System: "ridge", Variant: "remote", New: NewRidgeRemote},
		{System: "eyrie", New: NewEyrie, Can: pairs},
		{System: "eyrie", Variant: "near", New: NewNear, Can: pairs},
	}
}

// pairs says that no operation has more than two destinations, and that three
// replicas accept.
func pairs(c Case) bool { return c.Destinations <= 2 && c.Replicas <= 4 }

// Order measures ordering in memory, by operations outstanding, and if asked
// to, by size, by number of groups and by destinations of a message. args are
// flags (see -help); it returns an exit status. Peers are measured beside it by
// the program in bench/peers.
func Order(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return OrderBeside(ctx, args, stdout, stderr, []string{"floor"})
}

// OrderBeside is Order with more contenders; ratios refer to the best of the
// references.
func OrderBeside(ctx context.Context, args []string, stdout, stderr io.Writer, references []string, peers ...Contender) int {
	m := matrix{vary: []string{"outstanding"}, at: 64, sizes: []int{16, 100, 1000, 10_000, 64_000}, groups: []int{1, 2, 4}, destinations: []int{1, 2, 4}}
	d := defaults()
	d.outstanding, d.own = []int{1, 64, 256, 1024}, m.flags
	s, err := parse("order", args, stderr, d)
	if err != nil {
		return 2
	}
	p := &Plan{
		Bench:      "order",
		Title:      "order: groups of 3 replicas and the client in one process over loopback TCP, in memory",
		Contenders: append(own(), peers...),
		References: references,
		Tables:     []Table{ratios([]string{"ridge", "eyrie near", "eyrie"}, references)},
		Cases:      m.cases(s),
		Modules:    peerModules,
	}
	return execute(ctx, p, s, stdout, stderr)
}

// peerModules are the modules whose versions are told with the figures.
var peerModules = []string{"go.etcd.io/raft/v3", "github.com/hashicorp/raft"}

// matrix is which cases a bench of ordering goes through: not all
// combinations, but for each dimension named in vary, all its values, the
// others being at their base.
type matrix struct {
	vary                        []string
	at                          int // outstanding, when something else varies
	sizes, groups, destinations []int
}

func (m *matrix) flags(f *flag.FlagSet) {
	f.Var(words{&m.vary, "outstanding size groups destinations"}, "vary",
		"what varies, separated by commas: outstanding, size, groups (single-group traffic), destinations (of messages among the most groups)")
	f.IntVar(&m.at, "at", m.at, "operations outstanding when something else varies")
	f.Var((*numbers)(&m.sizes), "sizes", "bytes of a value, when size varies")
	f.Var((*numbers)(&m.groups), "groups", "groups, when groups vary")
	f.Var((*numbers)(&m.destinations), "destinations", "groups that each message is addressed to, when destinations vary")
}

func (m *matrix) cases(s settings) (cs []Case) {
	base := Case{Partitions: 1, Replicas: 3, Size: s.size, Outstanding: max(m.at, 1)}
	along := func(values []int, set func(*Case, int)) {
		for _, n := range values {
			c := base
			set(&c, n)
			cs = append(cs, c)
		}
	}
	lines := map[string]func(){
		"outstanding": func() { along(s.outstanding, func(c *Case, n int) { c.Outstanding = n }) },
		"size":        func() { along(m.sizes, func(c *Case, n int) { c.Size = n }) },
		"groups":      func() { along(m.groups, func(c *Case, n int) { c.Partitions = n }) },
		"destinations": func() {
			along(m.destinations, func(c *Case, n int) {
				c.Partitions = slices.Max(m.destinations)
				if n > 1 {
					c.MultiShare, c.Destinations = 1, n
				}
			})
		},
	}
	for _, v := range strings.Fields("outstanding size groups destinations") {
		if slices.Contains(m.vary, v) {
			lines[v]()
		}
	}
	var once []Case
	for _, c := range cs {
		if !slices.Contains(once, c) {
			once = append(once, c)
		}
	}
	return once
}
