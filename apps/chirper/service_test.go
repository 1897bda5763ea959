package chirper

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/ssmr"
)

func machine(t *testing.T) (*Client, context.Context) {
	t.Helper()
	m, err := ssmr.NewMachine(Service)
	if err != nil {
		t.Fatal(err)
	}
	return NewClient(m.Client()), t.Context()
}

func must1[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func texts(tl Timeline) (all []string) {
	for p := range tl.All() {
		all = append(all, p.Text)
	}
	return all
}

func TestFollowAndUnfollow(t *testing.T) {
	c, ctx := machine(t)
	for u := range User(3) {
		must1[bool](t)(c.Join(ctx, u))
	}
	must1[Post](t)(c.Post(ctx, 1, "one"))
	must1[Post](t)(c.Post(ctx, 0, "own"))
	must1[Post](t)(c.Post(ctx, 1, "two"))
	must1[bool](t)(c.Follow(ctx, 0, 1))
	must1[bool](t)(c.Follow(ctx, 0, 2))
	must1[Post](t)(c.Post(ctx, 2, "three"))
	if got := texts(must1[Timeline](t)(c.Timeline(ctx, 0))); !slices.Equal(got, []string{"three", "two", "own", "one"}) {
		t.Error(got)
	}
	must1[bool](t)(c.Unfollow(ctx, 0, 1))
	must1[Post](t)(c.Post(ctx, 1, "four"))
	if got := texts(must1[Timeline](t)(c.Timeline(ctx, 0))); !slices.Equal(got, []string{"three", "own"}) {
		t.Error(got)
	}
	_, err := c.Follow(ctx, 0, 9)
	var e *Error
	if !errors.Is(err, ErrNoUser) || !errors.As(err, &e) || e.Op != "follow" || !strings.Contains(err.Error(), "9") {
		t.Error(err)
	}
}

// A full timeline loses its oldest posts, for good: what an unfollow leaves is
// filled by what comes next, or by Refill.
func TestRefill(t *testing.T) {
	c, ctx := machine(t)
	for u := range User(3) {
		must1[bool](t)(c.Join(ctx, u))
	}
	must1[bool](t)(c.Follow(ctx, 0, 1))
	must1[bool](t)(c.Follow(ctx, 0, 2))
	for range MaxKept + 5 {
		must1[Post](t)(c.Post(ctx, 1, "old"))
	}
	for range MaxTimeline - 2 {
		must1[Post](t)(c.Post(ctx, 2, "new"))
	}
	count := func(tl Timeline) (old, new int) {
		for _, s := range texts(tl) {
			if s == "old" {
				old++
			} else {
				new++
			}
		}
		return old, new
	}
	if old, new := count(must1[Timeline](t)(c.Timeline(ctx, 0))); old != 2 || new != MaxTimeline-2 {
		t.Error(old, new)
	}
	must1[bool](t)(c.Unfollow(ctx, 0, 2))
	if old, new := count(must1[Timeline](t)(c.Timeline(ctx, 0))); old != 2 || new != 0 {
		t.Error(old, new)
	}
	if old, new := count(must1[Timeline](t)(c.Refill(ctx, 0))); old != MaxKept || new != 0 {
		t.Error(old, new)
	}
	if old, _ := count(must1[Timeline](t)(c.Timeline(ctx, 0))); old != MaxKept {
		t.Error(old)
	}
}

// A post for the wrong audience has no effect, and says which is right; a
// client that is wrong time and again gets through all the same.
func TestStaleAudience(t *testing.T) {
	c, ctx := machine(t)
	for u := range User(3) {
		must1[bool](t)(c.Join(ctx, u))
	}
	must1[bool](t)(c.Follow(ctx, 0, 1))
	for _, wrong := range []Users{{}, UsersOf(2), UsersOf(0, 2)} {
		r := must1[Posted](t)(PostText.Do(ctx, c.c, PostArg{1, wrong, "x"}))
		if r.Done || !slices.Equal(slices.Collect(r.Audience.All()), []User{0}) {
			t.Error(r)
		}
	}
	for u := range User(3) {
		if n := must1[Timeline](t)(c.Timeline(ctx, u)).Len(); n != 0 {
			t.Errorf("%d posts in the timeline of %d", n, u)
		}
	}
	p := &posting{c: c, author: 1, text: "x", done: make(chan struct{}), early: make(chan struct{})}
	p.run(ctx, PostText.Go(ctx, c.c, PostArg{1, UsersOf(2), "x"}))
	if p.err != nil || p.post.Text != "x" {
		t.Error(p.post, p.err)
	}
}

func TestBounds(t *testing.T) {
	c, ctx := machine(t)
	if _, err := c.Join(ctx, MaxUser+1); !errors.Is(err, ErrBadUser) {
		t.Error(err)
	}
	if _, err := JoinUser.Do(ctx, c.c, MaxUser+1); !errors.Is(err, ErrBadUser) {
		t.Error(err)
	}
	for u := range User(MaxFollowers + 2) {
		must1[bool](t)(c.Join(ctx, u))
	}
	for u := range User(MaxFollowers) {
		must1[bool](t)(c.Follow(ctx, u+1, 0))
	}
	if _, err := c.Follow(ctx, MaxFollowers+1, 0); !errors.Is(err, ErrTooManyFollowers) {
		t.Error(err)
	}
	for u := range User(MaxFollowing) {
		must1[bool](t)(c.Follow(ctx, 0, u+1))
	}
	if _, err := c.Follow(ctx, 0, MaxFollowing+1); !errors.Is(err, ErrTooManyFollowing) {
		t.Error(err)
	}
	must1[Post](t)(c.Post(ctx, 0, strings.Repeat("x", MaxText)))
	if n := must1[Timeline](t)(c.Timeline(ctx, MaxFollowers)).Len(); n != 1 {
		t.Error(n)
	}
	if _, err := c.Post(ctx, 0, strings.Repeat("\U0001F600", MaxText)); !errors.Is(err, ErrTooWide) {
		t.Error(err)
	}
}
