package model_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/chirper/model"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// The service and the model must not be told apart: on one machine, and on
// clusters of one and of several partitions.
func TestServiceIsTheModel(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("machine, seed ", seed), func(t *testing.T) {
			m, err := ssmr.NewMachine(chirper.Service)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, ctx, m.Client(), seed, 2000)
		})
	}
	for _, partitions := range []int{1, 3} {
		t.Run(fmt.Sprint(partitions, " partitions"), func(t *testing.T) {
			cluster, err := ssmr.StartLocal(ctx, chirper.Service, ssmr.Config{Partitions: partitions, Replicas: 1, Checks: true})
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			compare(t, ctx, cluster.Client(), 7, 1000)
		})
	}
}

// compare gives the same random commands to both. Two clients each remember
// followers, so that both are often wrong.
func compare(t *testing.T, ctx context.Context, client *ssmr.Client, seed uint64, steps int) {
	t.Helper()
	clients := []*chirper.Client{chirper.NewClient(client), chirper.NewClient(client)}
	network := model.New()
	random := rand.New(rand.NewPCG(seed, 3))
	happened := map[string]int{}
	for i := range steps {
		c := clients[random.IntN(2)]
		what, got, want := step(ctx, client, c, network, random)
		if got != want {
			t.Fatalf("step %d, %s:\nservice %s\nmodel   %s", i, what, got, want)
		}
		name, _, _ := strings.Cut(what, " ")
		happened[name+" "+got]++
	}
	for _, what := range []string{"follow true", "unfollow true", "post posted"} {
		if happened[what] < steps/50 {
			t.Errorf("a run that did little proves little: %v", happened)
		}
	}
}

// step is one random command, and what both say to it.
func step(ctx context.Context, plain *ssmr.Client, c *chirper.Client, network *model.Network, random *rand.Rand) (what, got, want string) {
	const users = 8
	u, v := chirper.User(random.IntN(users)), chirper.User(random.IntN(users))
	switch random.IntN(15) {
	case 0:
		got1, err1 := c.Join(ctx, u)
		got2, err2 := network.Join(u)
		return fmt.Sprint("join ", u), outcome(got1, err1), outcome(got2, err2)
	case 1, 2, 3, 4, 5:
		text := strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(30))
		post, err := c.Post(ctx, u, text)
		if random.IntN(8) == 0 && err == nil { // and one that finds the followers itself
			network.Post(post)
			var r chirper.Posted
			r, err = chirper.PostOpen.Do(ctx, plain, chirper.OpenPostArg{Author: u, Text: text})
			post.ID.Micros, post.ID.Nonce = r.Micros, r.Nonce
		}
		if err != nil {
			post = chirper.Post{ID: chirper.PostID{Author: u}, Text: text}
		}
		return fmt.Sprintf("post %d %q", u, text), outcome("posted", err), outcome("posted", network.Post(post))
	case 6, 7, 8:
		got1, err1 := c.Follow(ctx, u, v)
		got2, err2 := network.Follow(u, v)
		return fmt.Sprint("follow ", u, v), outcome(got1, err1), outcome(got2, err2)
	case 9, 10:
		got1, err1 := c.Unfollow(ctx, u, v)
		got2, err2 := network.Unfollow(u, v)
		return fmt.Sprint("unfollow ", u, v), outcome(got1, err1), outcome(got2, err2)
	case 11:
		if random.IntN(4) > 0 {
			break
		}
		got1, err1 := c.Refill(ctx, u)
		got2, err2 := network.Refill(u)
		return fmt.Sprint("refill ", u), posts(got1, err1), outcome(got2, err2)
	case 12:
		got1, err1 := c.Posts(ctx, u)
		got2, err2 := network.Posts(u)
		return fmt.Sprint("posts ", u), posts(got1, err1), outcome(got2, err2)
	case 13:
		a, err1 := c.Followers(ctx, u)
		b, err2 := c.Following(ctx, u)
		x, err3 := network.Followers(u)
		y, err4 := network.Following(u)
		return fmt.Sprint("lists ", u), outcome(slices.Collect(a.All()), err1) + outcome(slices.Collect(b.All()), err2),
			outcome(x, err3) + outcome(y, err4)
	case 14:
		others := []chirper.User{v}
		if w := chirper.User(random.IntN(users)); w > v {
			others = append(others, w)
		}
		got1, err1 := c.FollowAll(ctx, u, chirper.UsersOf(others...))
		got2, err2 := network.FollowAll(u, others)
		return fmt.Sprint("followAll ", u, others), outcome(got1, err1), outcome(got2, err2)
	}
	read := c.Timeline
	if random.IntN(2) == 0 {
		read = c.OrderedTimeline
	}
	got1, err1 := read(ctx, u)
	got2, err2 := network.Timeline(u)
	return fmt.Sprint("timeline ", u), posts(got1, err1), outcome(got2, err2)
}

func posts(t chirper.Timeline, err error) string { return outcome(t.Posts(), err) }

// outcome is a value, or which of the service's errors there was.
func outcome(v any, err error) string {
	if err == nil {
		return fmt.Sprint(v)
	}
	for _, known := range []error{
		chirper.ErrNoUser, chirper.ErrBadUser, chirper.ErrSelf, chirper.ErrBadText,
		chirper.ErrTooManyFollowing, chirper.ErrTooManyFollowers, chirper.ErrTooWide,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}
