package chirper

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/eyrie-dev/eyrie/ssmr"
)

// maxStale is after how many wrong lists of followers in a row a post is sent
// as postOpen.
const maxStale = 3

// GoPost is Post without the wait for the reply. If the client was wrong about
// the followers, it sends the post again by itself, for which ctx is no limit.
func (c *Client) GoPost(ctx context.Context, author User, text string) *Call[Post] {
	if err := CheckText(text); err != nil {
		return failed[Post](PostText.Name(), author, err)
	}
	p := &posting{c: c, author: author, text: text, done: make(chan struct{})}
	first := p.attempt(ctx)
	go p.run(context.WithoutCancel(ctx), first)
	return &Call[Post]{op: PostText.Name(), user: author, under: p}
}

// posting is a post under way: one command after the other until one has been
// sent with the right followers.
type posting struct {
	c      *Client
	author User
	text   string

	// post and err are the outcome once done is closed.
	done chan struct{}
	post Post
	err  error
}

func (p *posting) attempt(ctx context.Context) *ssmr.Call[Posted] {
	audience, _ := p.c.audiences.get(p.author)
	return PostText.Go(ctx, p.c.c, PostArg{p.author, audience, p.text})
}

func (p *posting) run(ctx context.Context, call *ssmr.Call[Posted]) {
	defer close(p.done)
	for stale := 0; ; {
		r, err := call.Result(ctx)
		if err != nil {
			p.err = err
			return
		}
		if r.Done {
			p.post = Post{PostID{p.author, r.Micros, r.Nonce}, p.text}
			return
		}
		p.c.audiences.put(p.author, r.Audience)
		if stale++; stale <= maxStale {
			call = p.attempt(ctx)
		} else {
			call = PostOpen.Go(ctx, p.c.c, OpenPostArg{p.author, p.text})
		}
	}
}

func (p *posting) Done() <-chan struct{} { return p.done }

func (p *posting) Result(ctx context.Context) (Post, error) {
	select {
	case <-p.done:
	default:
		select {
		case <-p.done:
		case <-ctx.Done():
			return Post{}, unknown(ctx)
		}
	}
	return p.post, p.err
}

// unknown is what a caller gets who stopped waiting.
func unknown(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("%w: %w: %w", ssmr.ErrOutcomeUnknown, ctx.Err(), cause)
	}
	return fmt.Errorf("%w: %w", ssmr.ErrOutcomeUnknown, ctx.Err())
}

// audiences are followers that a client remembers, by author. Bounded: what is
// too much drives out others, whichever.
type audiences struct {
	mu    sync.Mutex
	of    map[User]Users
	bytes int
}

// maxAudiences and maxAudienceBytes bound what a client remembers.
const (
	maxAudiences     = 1 << 14
	maxAudienceBytes = 16 << 20
)

func (a *audiences) get(author User) (Users, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u, ok := a.of[author]
	return u, ok
}

func (a *audiences) put(author User, u Users) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.set(author, u)
}

// change changes what is remembered, if anything is.
func (a *audiences) change(author User, by func(Users) Users) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if u, ok := a.of[author]; ok {
		a.set(author, by(u))
	}
}

func (a *audiences) set(author User, u Users) {
	a.drop(author)
	a.of[author] = u
	a.bytes += len(u.r)
	for other := range a.of {
		if len(a.of) <= maxAudiences && a.bytes <= maxAudienceBytes {
			return
		}
		if other != author {
			a.drop(other)
		}
	}
}

func (a *audiences) drop(author User) {
	if u, ok := a.of[author]; ok {
		delete(a.of, author)
		a.bytes -= len(u.r)
	}
}
