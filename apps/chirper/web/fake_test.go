package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// fake is a Chirper of one machine whose replies come when and as a test wants.
type fake struct {
	early, late time.Duration // when the replies come; early 0: none
	lie         bool          // the optimistic reply differs
	hold        chan struct{} // if not nil, conservative replies wait for it

	mu        sync.Mutex
	following map[uint64][]uint64
	posts     []fakePost // oldest first
	err       error      // what every command ends with
}

type fakePost struct {
	ID     string    `json:"id"`
	Author uint64    `json:"author"`
	Time   time.Time `json:"time"`
	Text   string    `json:"text"`
}

var errNoUser = errors.New("no such user")

func newFake(users ...uint64) *fake {
	f := &fake{following: map[uint64][]uint64{}}
	for _, u := range users {
		f.following[u] = nil
	}
	return f
}

func (f *fake) call(ctx context.Context, wrong any, do func() (any, error)) Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &fakeCall{f: f, begun: time.Now(), wrong: wrong}
	if c.r.Err = f.err; c.r.Err == nil {
		c.r.Value, c.r.Err = do()
	}
	return c
}

type fakeCall struct {
	f     *fake
	begun time.Time
	r     Reply
	wrong any
}

func (c *fakeCall) wait(ctx context.Context, d time.Duration, hold chan struct{}) error {
	select {
	case <-time.After(time.Until(c.begun.Add(d))):
	case <-ctx.Done():
		return ctx.Err()
	}
	if hold == nil {
		return nil
	}
	select {
	case <-hold:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *fakeCall) First(ctx context.Context) (Reply, bool) {
	if c.f.early == 0 {
		return c.Last(ctx), true
	}
	if err := c.wait(ctx, c.f.early, nil); err != nil {
		return Reply{Err: err}, false
	}
	if c.f.lie {
		return Reply{Value: c.wrong}, false
	}
	return c.r, false
}

func (c *fakeCall) Last(ctx context.Context) Reply {
	if err := c.wait(ctx, c.f.late, c.f.hold); err != nil {
		return Reply{Err: err}
	}
	return c.r
}

func (c *fakeCall) Times() Times {
	return Times{Optimistic: c.f.early, Conservative: c.f.late, Early: c.f.early > 0, Agreed: !c.f.lie}
}

type fakeChanged struct {
	Changed bool `json:"changed"`
}

func (f *fake) Join(ctx context.Context, user uint64) Call {
	return f.call(ctx, fakeChanged{}, func() (any, error) {
		_, there := f.following[user]
		if !there {
			f.following[user] = nil
		}
		return fakeChanged{!there}, nil
	})
}

func (f *fake) Post(ctx context.Context, user uint64, text string) Call {
	return f.call(ctx, fakePost{"wrong", user, time.Now(), text}, func() (any, error) {
		p := fakePost{fmt.Sprint(len(f.posts)), user, time.Now(), text}
		f.posts = append(f.posts, p)
		return p, nil
	})
}

func (f *fake) Follow(ctx context.Context, user, other uint64) Call {
	return f.call(ctx, fakeChanged{}, func() (any, error) {
		if _, ok := f.following[other]; !ok {
			return nil, errNoUser
		}
		if slices.Contains(f.following[user], other) {
			return fakeChanged{false}, nil
		}
		f.following[user] = append(f.following[user], other)
		return fakeChanged{true}, nil
	})
}

func (f *fake) Unfollow(ctx context.Context, user, other uint64) Call {
	return f.call(ctx, fakeChanged{}, func() (any, error) {
		n := len(f.following[user])
		f.following[user] = slices.DeleteFunc(f.following[user], func(u uint64) bool { return u == other })
		return fakeChanged{len(f.following[user]) < n}, nil
	})
}

func (f *fake) Timeline(ctx context.Context, user uint64, ordered bool) Call {
	return f.call(ctx, map[string]any{"posts": []fakePost{}}, func() (any, error) {
		posts := []fakePost{}
		for _, p := range slices.Backward(f.posts) {
			if p.Author == user || slices.Contains(f.following[user], p.Author) {
				posts = append(posts, p)
			}
		}
		return map[string]any{"posts": posts}, nil
	})
}

func (f *fake) Profile(ctx context.Context, user uint64) (Profile, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	follows, ok := f.following[user]
	p := Profile{User: user, Following: len(follows), Follows: slices.Clone(follows)}
	for _, others := range f.following {
		if slices.Contains(others, user) {
			p.Followers++
		}
	}
	return p, ok, f.err
}

func (f *fake) Explain(err error) Problem {
	switch {
	case errors.Is(err, errNoUser):
		return Problem{http.StatusNotFound, "no-user", "there is no such user"}
	case gaveUp(err):
		return Problem{http.StatusGatewayTimeout, "outcome-unknown", "no answer came"}
	}
	return Problem{http.StatusInternalServerError, "internal", err.Error()}
}
