package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/chirper"
	graphs "github.com/eyrie-dev/eyrie/apps/chirper/load"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// chirperSystems are our service, executed in each way, on servers that the
// keeper keeps, and with several clients: of callbacks that wait for the
// conservative reply, of goroutines that do (waiting), and of callbacks that go
// on with the first reply (hasty). Several partitions are served by as few
// processes as have replicas, too (together).
func chirperSystems(k *Keeper, binary string) (all []Apart) {
	system := func(variant string, how nodeProcesses, can func(Case) bool, client func(*chirperClient) System) {
		how.binary, how.stores = binary, true
		all = append(all, Apart{
			System: "chirper", Variant: variant, Can: can,
			Client: func(c Case, address json.RawMessage, cpu func() time.Duration) (System, error) {
				x, err := newChirperClient(c, address, cpu)
				if err != nil {
					return nil, err
				}
				return client(x), nil
			},
			Servers: func(c Case) Servers {
				key := fmt.Sprintf("chirper %v %v %d %v %s %d %d", how.execution, how.together, c.Partitions, c.Delay, c.Graph, c.Users, c.Size)
				return k.Servers(key, func() Servers {
					servers := how
					servers.c = c
					return &servers
				})
			},
		})
	}
	atMost := func(c Case) bool { return c.Load == 1 }
	ordered := func(c Case) bool { return InOrder(c.Command) }
	callbacks := func(x *chirperClient) System { return x }
	smr := nodeProcesses{execution: optimistic.Conservative}
	system(ourSMR, smr, nil, callbacks)
	system(ourSMR+" waiting", smr, func(c Case) bool { return atMost(c) && c.Partitions == 1 && c.Delay == 0 },
		func(x *chirperClient) System { return &chirperWaiter{chirperClient: x} })
	system(ourTogether, nodeProcesses{execution: optimistic.Conservative, together: true},
		func(c Case) bool { return atMost(c) && c.Partitions > 1 && c.Delay == 0 }, callbacks)
	for _, execution := range []optimistic.Mode{optimistic.Baseline, optimistic.Full} {
		variant, both := execution.String(), nodeProcesses{execution: execution}
		system(variant, both, ordered, func(x *chirperClient) System { return chirperEarly{x} })
		system(variant+" hasty", both, func(c Case) bool { return atMost(c) && ordered(c) },
			func(x *chirperClient) System { return &chirperHasty{chirperClient: x} })
	}
	return all
}

// fillers is how many commands are outstanding while servers are filled.
const fillers = 256

// fillChirper makes the users, the first posts, and who follows whom, unless a
// client before has. Posts come first: nobody follows then, so that each costs
// little, and whoever follows gets them.
func fillChirper(ctx context.Context, address string, people *People, size int) error {
	conn, err := ssmr.Dial(ctx, address, apps.Service, ssmr.ClientConfig{Window: fillers})
	if err != nil {
		return err
	}
	defer conn.Close()
	c := chirper.NewClient(conn)
	mark := people.graph.User(people.graph.Len()-1) + 1 // joins last
	if _, err := c.Timeline(ctx, mark); err == nil {
		return nil
	}
	users := people.graph.Users()
	err = many(ctx, len(users), func(i int) waiter { return result(c.GoJoin(ctx, users[i])) })
	if err == nil {
		var authors []uint32
		people.First(func(a uint32) { authors = append(authors, a) })
		text := string(Text(size))
		err = many(ctx, len(authors), func(i int) waiter { return result(c.GoPost(ctx, people.user(authors[i]), text)) })
	}
	if err == nil {
		_, err = graphs.Load(ctx, c, people.graph, graphs.Options{Window: fillers})
	}
	if err == nil {
		_, err = c.Join(ctx, mark)
	}
	return err
}

// waiter waits for a call.
type waiter func(context.Context) error

func result[R any](call *chirper.Call[R]) waiter {
	return func(ctx context.Context) error {
		_, err := call.Result(ctx)
		return err
	}
}

// many makes n calls, begun in order, fillers at a time, until one fails.
func many(ctx context.Context, n int, begin func(i int) waiter) error {
	var open [fillers]waiter
	for i := range n + fillers {
		if wait := open[i%fillers]; wait != nil {
			if err := wait(ctx); err != nil {
				return err
			}
		}
		if open[i%fillers] = nil; i < n {
			open[i%fillers] = begin(i)
		}
	}
	return nil
}
