package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// chirperSystems are our service, executed in each way, on servers that the
// keeper keeps, and with several clients.
func chirperSystems(k *Keeper, binary string) []Apart {
	system := func(variant, execution string, client func(c Case, address json.RawMessage, cpu func() time.Duration) (System, error)) Apart {
		return Apart{
			System: "chirper", Variant: variant, Client: client,
			Servers: func(c Case) Servers {
				key := fmt.Sprintf("chirper %s %d %v %s %d %d", execution, c.Partitions, c.Delay, c.Graph, c.Users, c.Size)
				return k.Servers(key, func() Servers { return &nodeProcesses{binary: binary, stores: true, c: c, execution: execution} })
			},
		}
	}
	callback := func(c Case, address json.RawMessage, cpu func() time.Duration) (System, error) {
		return newChirperClient(c, address, cpu)
	}
	waiting := func(c Case, address json.RawMessage, cpu func() time.Duration) (System, error) {
		x, err := newChirperClient(c, address, cpu)
		return &chirperWaiter{chirperClient: x}, err
	}
	waiter := system(ourSMR+" waiting", conservative, waiting)
	waiter.Can = func(c Case) bool { return c.Load == 1 && c.Partitions == 1 && c.Delay == 0 }
	return []Apart{system(ourSMR, conservative, callback), waiter}
}

// fillers is how many commands are outstanding while servers are filled.
const fillers = 256

// fillChirper makes the users, who follows whom, and the first posts, unless a
// client before has.
func fillChirper(ctx context.Context, address string, people *People, size int) error {
	conn, err := ssmr.Dial(ctx, address, apps.Service, ssmr.ClientConfig{Window: fillers})
	if err != nil {
		return err
	}
	defer conn.Close()
	c := chirper.NewClient(conn)
	mark := chirper.User(len(people.Followers)) // joins last
	if _, err := c.Timeline(ctx, mark); err == nil {
		return nil
	}
	do := func(n int, begin func(i int) func(context.Context) error) error {
		var open []func(context.Context) error
		for i := range n {
			if len(open) == fillers {
				if err := open[0](ctx); err != nil {
					return err
				}
				open = open[1:]
			}
			open = append(open, begin(i))
		}
		for _, f := range open {
			if err := f(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	n := len(people.Followers)
	if err := do(n, func(i int) func(context.Context) error {
		call := c.GoJoin(ctx, chirper.User(i))
		return func(ctx context.Context) error { _, err := call.Result(ctx); return err }
	}); err != nil {
		return err
	}
	var edges [][2]chirper.User
	for u, fs := range people.Followers {
		for _, f := range fs {
			edges = append(edges, [2]chirper.User{chirper.User(f), chirper.User(u)})
		}
	}
	if err := do(len(edges), func(i int) func(context.Context) error {
		call := c.GoFollow(ctx, edges[i][0], edges[i][1])
		return func(ctx context.Context) error { _, err := call.Result(ctx); return err }
	}); err != nil {
		return err
	}
	var authors []uint32
	people.First(func(a uint32) { authors = append(authors, a) })
	text := string(Text(size))
	if err := do(len(authors), func(i int) func(context.Context) error {
		call := c.GoPost(ctx, chirper.User(authors[i]), text)
		return func(ctx context.Context) error { _, err := call.Result(ctx); return err }
	}); err != nil {
		return err
	}
	_, err = c.Join(ctx, mark)
	return err
}
