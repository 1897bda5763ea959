package load

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/chirper/graph"
	"github.com/eyrie-dev/eyrie/ssmr"
)

func TestLoadTwice(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cluster, err := ssmr.StartLocal(ctx, chirper.Service, ssmr.Config{Partitions: 2, Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	c, g := chirper.NewClient(cluster.Client()), graph.Generate(200, 10, 1)
	var last Progress
	phases := 0
	o := Options{Posts: 3, Progress: func(p Progress) {
		if p.Phase != last.Phase {
			phases++
		}
		last = p
	}}
	// One that breaks off, one that completes it, one that finds all done.
	short, stop := context.WithCancel(ctx)
	part, err := Load(short, c, g, Options{Posts: 3, Progress: func(p Progress) {
		if p.Phase == "follows" {
			stop()
		}
	}})
	if !errors.Is(err, context.Canceled) || part.Users != g.Len() || part.Posts > 0 {
		t.Error(part, err)
	}
	rest, err := Load(ctx, c, g, o)
	if err != nil || rest.Refused > 0 || part.Follows+rest.Follows > 2*g.Size() {
		t.Fatal(part, rest, err)
	}
	if last != (Progress{"posts", 600, 600, last.Rate}) || phases < 3 {
		t.Errorf("%+v, %d phases", last, phases)
	}
	if none, err := Load(ctx, c, g, o); err != nil || none != (Result{}) {
		t.Error(none, err)
	}
	for i := range g.Len() {
		u := g.User(i)
		for _, get := range []func(context.Context, chirper.User) (chirper.Users, error){c.Followers, c.Following} {
			if got, err := get(ctx, u); err != nil || !slices.Equal(slices.Collect(got.All()), slices.Collect(g.Followers(i))) {
				t.Fatal(u, slices.Collect(got.All()), err)
			}
		}
		if own, err := c.Posts(ctx, u); err != nil || own.Len() != 3 {
			t.Fatal(u, own.Posts(), err)
		}
		if tl, err := c.Timeline(ctx, u); err != nil || tl.Len() != min(chirper.MaxTimeline, 3+3*g.Degree(i)) {
			t.Fatal(u, tl.Len(), err)
		}
	}
}

func TestLoadRefusesOptions(t *testing.T) {
	for _, o := range []Options{{Posts: -1}, {Posts: chirper.MaxKept + 1}, {Window: -1}} {
		if _, err := Load(t.Context(), nil, graph.Generate(2, 1, 1), o); !errors.Is(err, ErrOptions) {
			t.Error(o, err)
		}
	}
}

func TestTexts(t *testing.T) {
	for n := range 1000 {
		text := Text(1, chirper.User(n/20), n%20)
		if err := chirper.CheckText(text); err != nil || len(text) < 20 || text != Text(1, chirper.User(n/20), n%20) {
			t.Error(text, err)
		}
	}
}
