package chirper

import (
	"context"
	"errors"
	"fmt"

	"github.com/eyrie-dev/eyrie/ssmr"
)

// maxStale is after how many wrong lists of followers in a row a post is sent
// as postOpen.
const maxStale = 3

// GoPost is Post without the wait for the reply. If the client was wrong about
// the followers, it sends the post again by itself, for which ctx is no limit.
func (c *Client) GoPost(ctx context.Context, author User, text string, options ...ssmr.CallOption) *Call[Post] {
	if err := CheckText(text); err != nil {
		return failed[Post](PostText.Name(), author, err)
	}
	p := &posting{
		c: c, author: author, text: text, options: options,
		done: make(chan struct{}), early: make(chan struct{}),
	}
	first := p.attempt(ctx)
	go p.run(context.WithoutCancel(ctx), first)
	return &Call[Post]{op: PostText.Name(), user: author, under: p}
}

// posting is a post under way: one command after the other until one has been
// sent with the right followers.
type posting struct {
	c       *Client
	author  User
	text    string
	options []ssmr.CallOption

	// post, err and replies are the outcome once done is closed. What is known
	// before, from the first attempt that said more than that it was wrong about
	// the followers, is in optimistic once early is closed: before done, or never.
	done       chan struct{}
	post       Post
	err        error
	replies    ssmr.Replies
	early      chan struct{}
	optimistic ssmr.OptimisticReply[Post]
}

func (p *posting) attempt(ctx context.Context) *ssmr.Call[Posted] {
	audience, _ := p.c.audiences.get(p.author)
	return PostText.Go(ctx, p.c.c, PostArg{p.author, audience, p.text}, p.options...)
}

func (p *posting) run(ctx context.Context, call *ssmr.Call[Posted]) {
	defer close(p.done)
	for stale := 0; ; {
		if len(p.options) > 0 {
			p.foresee(call.Optimistic(ctx))
		}
		r, err := call.Result(ctx)
		p.count(call.Replies())
		if err != nil {
			p.err = err
			return
		}
		if r.Done {
			p.post = p.made(r)
			return
		}
		p.c.audiences.put(p.author, r.Audience)
		if stale++; stale <= maxStale {
			call = p.attempt(ctx)
		} else {
			call = PostOpen.Go(ctx, p.c.c, OpenPostArg{p.author, p.text}, p.options...)
		}
	}
}

func (p *posting) made(r Posted) Post { return Post{PostID{p.author, r.Micros, r.Nonce}, p.text} }

// foresee takes an attempt's optimistic reply.
func (p *posting) foresee(r ssmr.OptimisticReply[Posted], err error) {
	if err != nil || r.Final || p.foreseen() || r.Err == nil && !r.Value.Done {
		return
	}
	p.optimistic = ssmr.OptimisticReply[Post]{Err: r.Err}
	if r.Err == nil {
		p.optimistic.Value = p.made(r.Value)
	}
	close(p.early)
}

func (p *posting) foreseen() bool {
	select {
	case <-p.early:
		return true
	default:
		return false
	}
}

// count adds an attempt's times. What was foreseen earlier than in the last
// attempt was wrong.
func (p *posting) count(r ssmr.Replies) {
	if r.Sent.IsZero() {
		return // it was not sent
	}
	all := &p.replies
	if all.Sent.IsZero() {
		all.Sent = r.Sent
	}
	late := r.Sent.Sub(all.Sent)
	all.Conservative, all.Agreed = late+r.Conservative, false
	switch {
	case !p.foreseen(): // of what was only wrong about the followers nobody heard
	case !all.Early:
		all.Early, all.Optimistic, all.Agreed = true, late+r.Optimistic, r.Agreed
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

func (p *posting) Optimistic(ctx context.Context) (ssmr.OptimisticReply[Post], error) {
	select {
	case <-p.early:
	case <-p.done:
	default:
		select {
		case <-p.early:
		case <-p.done:
		case <-ctx.Done():
			return ssmr.OptimisticReply[Post]{}, unknown(ctx)
		}
	}
	if p.foreseen() {
		return p.optimistic, nil
	}
	return ssmr.OptimisticReply[Post]{Value: p.post, Err: p.err, Final: true}, nil
}

// Replies is valid after Done, and zero before.
func (p *posting) Replies() ssmr.Replies {
	select {
	case <-p.done:
		return p.replies
	default:
		return ssmr.Replies{}
	}
}

// unknown is what a caller gets who stopped waiting.
func unknown(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("%w: %w: %w", ssmr.ErrOutcomeUnknown, ctx.Err(), cause)
	}
	return fmt.Errorf("%w: %w", ssmr.ErrOutcomeUnknown, ctx.Err())
}
