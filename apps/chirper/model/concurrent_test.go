package model_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/chirper/model"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// call is a command of a history, and what came of it.
type call struct {
	do    string
	u, v  chirper.User
	post  chirper.Post
	reply string
}

func (c call) on(n *model.Network) string {
	switch c.do {
	case "post":
		return outcome("posted", n.Post(c.post))
	case "follow":
		changed, err := n.Follow(c.u, c.v)
		return outcome(changed, err)
	case "unfollow":
		changed, err := n.Unfollow(c.u, c.v)
		return outcome(changed, err)
	}
	t, err := n.Timeline(c.u)
	return outcome(t, err)
}

func (c *call) run(ctx context.Context, client *chirper.Client, random *rand.Rand) {
	switch c.do {
	case "post":
		var err error
		c.post, err = client.Post(ctx, c.u, fmt.Sprint(random.IntN(1000)))
		c.reply = outcome("posted", err)
	case "follow":
		changed, err := client.Follow(ctx, c.u, c.v)
		c.reply = outcome(changed, err)
	case "unfollow":
		changed, err := client.Unfollow(ctx, c.u, c.v)
		c.reply = outcome(changed, err)
	case "read":
		c.reply = posts(client.Timeline(ctx, c.u))
	default:
		c.reply = posts(client.OrderedTimeline(ctx, c.u))
	}
}

// Several clients at once, each of whom is often wrong about the followers:
// what they see is linearizable, and afterwards every timeline is the merge of
// the posts of those its user follows.
func TestConcurrentHistories(t *testing.T) {
	const users, clients, steps = 5, 4, 45
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cluster, err := ssmr.StartLocal(ctx, chirper.Service, ssmr.Config{Partitions: 3, Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	start := model.New()
	first := chirper.NewClient(cluster.Client())
	for u := range chirper.User(users) {
		start.Join(u)
		if _, err := first.Join(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var history []porcupine.Operation
	var all sync.WaitGroup
	began := time.Now()
	for id := range clients {
		all.Go(func() {
			client, random := chirper.NewClient(cluster.Client()), rand.New(rand.NewPCG(uint64(id), 5))
			left := 8 // posts: all that clients make fit into a timeline, and an author's into what is kept
			for range steps {
				c := call{u: chirper.User(random.IntN(users)), v: chirper.User(random.IntN(users))}
				c.do = []string{"post", "follow", "follow", "unfollow", "read", "ordered"}[random.IntN(6)]
				if c.do == "post" {
					c.u = chirper.User((id + random.IntN(2)) % users)
					if left--; left < 0 {
						c.do = "read"
					}
				}
				from := time.Since(began)
				c.run(ctx, client, random)
				to := time.Since(began)
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: id, Input: c, Call: int64(from), Output: c.reply, Return: int64(to)})
				mu.Unlock()
			}
		})
	}
	all.Wait()
	checkLinearizable(t, start, history)
	checkTimelines(t, ctx, first, users)
}

func checkLinearizable(t *testing.T, start *model.Network, history []porcupine.Operation) {
	t.Helper()
	did := map[string]int{}
	for _, op := range history {
		did[op.Input.(call).do+" "+op.Output.(string)[:min(4, len(op.Output.(string)))]]++
	}
	if did["post post"] < 10 || did["follow true"] < 10 || did["unfollow true"] < 3 {
		t.Errorf("a history in which little happened proves little: %v", did)
	}
	machine := porcupine.Model{
		Init: func() any { return start },
		Step: func(state, in, out any) (bool, any) {
			n := state.(*model.Network).Clone()
			return in.(call).on(n) == out, n
		},
		Equal: func(a, b any) bool { return reflect.DeepEqual(a, b) },
	}
	if got := porcupine.CheckOperationsTimeout(machine, history, time.Minute); got == porcupine.Illegal {
		t.Error("not linearizable")
	} else if got == porcupine.Unknown {
		t.Log("the checker gave up")
	}
}

func checkTimelines(t *testing.T, ctx context.Context, c *chirper.Client, users int) {
	t.Helper()
	for u := range chirper.User(users) {
		followed, err := c.Following(ctx, u)
		if err != nil {
			t.Fatal(err)
		}
		var want []chirper.Post
		for v := range chirper.User(users) {
			if fans, err := c.Followers(ctx, v); err != nil || fans.Has(u) != followed.Has(v) {
				t.Errorf("%d follows %d: %v, %v, %v", u, v, followed.Has(v), fans.Has(u), err)
			}
			if v == u || followed.Has(v) {
				own, err := c.Posts(ctx, v)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, own.Posts()...)
			}
		}
		slices.SortFunc(want, func(a, b chirper.Post) int {
			return -cmp.Or(cmp.Compare(a.ID.Micros, b.ID.Micros), cmp.Compare(a.ID.Author, b.ID.Author), cmp.Compare(a.ID.Nonce, b.ID.Nonce))
		})
		if got, err := c.Timeline(ctx, u); err != nil || !slices.Equal(got.Posts(), want) {
			t.Errorf("the timeline of %d is\n%v, %v\nwant\n%v", u, got.Posts(), err, want)
		}
	}
}
