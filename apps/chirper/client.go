package chirper

import (
	"context"
	"fmt"

	"github.com/eyrie-dev/eyrie/ssmr"
)

// Client calls the service. It is safe for concurrent use.
//
// A method returns once its command has its place in the order and its reply
// is final; every reply is linearizable, reads included. A context bounds the
// wait: when it ends first, the error is ctx.Err() and ssmr.ErrOutcomeUnknown,
// and the command may yet take effect. The methods that begin with Go do not
// wait for the reply, only, as long as ctx allows, for room among the client's
// outstanding commands; no order is promised among those. With the option
// ssmr.Optimistic their calls have both replies. A service error is an *Error
// around one of the package's sentinels.
//
// A client remembers the followers of authors it has posted for, which a post
// is sent with: a few thousand authors' at most. What it remembers is never
// believed, only tried; see the package's text.
type Client struct {
	c         *ssmr.Client
	audiences audiences
}

// NewClient is a client over a connection whose service is Service or
// contains it. Closing the connection stays its owner's affair.
func NewClient(c *ssmr.Client) *Client {
	return &Client{c: c, audiences: audiences{of: map[User]Users{}}}
}

// Error says which call failed, for which user, and on what.
type Error struct {
	Op   string // the command's name
	User User
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %d: %v", e.Op, e.User, e.Err) }

// Unwrap is the cause, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Join makes a user. It is false if there was one. Error: ErrBadUser.
func (c *Client) Join(ctx context.Context, u User) (bool, error) {
	changed, err := c.GoJoin(ctx, u).Result(ctx)
	return bool(changed), err
}

// Post has a user post a text: it is in the timelines of the user and of all
// followers when Post returns. Errors: ErrNoUser, ErrBadText, ErrTooWide.
func (c *Client) Post(ctx context.Context, author User, text string) (Post, error) {
	return c.GoPost(ctx, author, text).Result(ctx)
}

// Follow has a user follow another. It is false if it was so. Errors:
// ErrNoUser, ErrSelf, ErrTooManyFollowing, ErrTooManyFollowers.
func (c *Client) Follow(ctx context.Context, u, other User) (bool, error) {
	changed, err := c.GoFollow(ctx, u, other).Result(ctx)
	return bool(changed), err
}

// FollowAll has a user follow others, MaxFollowAtOnce at most: all of them or,
// on an error, none. It is how many of them are new. It is one command, much
// cheaper than one for each. Errors: those of Follow, and ssmr.ErrBudget if
// what they posted is too much for one command.
func (c *Client) FollowAll(ctx context.Context, u User, others Users) (int, error) {
	return c.GoFollowAll(ctx, u, others).Result(ctx)
}

// Unfollow has a user follow another no more. It is false if it was so.
// Error: ErrNoUser.
func (c *Client) Unfollow(ctx context.Context, u, other User) (bool, error) {
	changed, err := c.GoUnfollow(ctx, u, other).Result(ctx)
	return bool(changed), err
}

// Timeline is a user's timeline, newest first. Error: ErrNoUser.
func (c *Client) Timeline(ctx context.Context, u User) (Timeline, error) {
	return c.GoTimeline(ctx, u).Result(ctx)
}

// OrderedTimeline is Timeline by a command that is ordered like any other: at
// a higher price, and with an optimistic reply where there are such.
func (c *Client) OrderedTimeline(ctx context.Context, u User) (Timeline, error) {
	return c.GoOrderedTimeline(ctx, u).Result(ctx)
}

// Refill makes a user's timeline anew, of the posts that are kept of the user
// and of those the user follows; see the package's text. Everything else waits
// for it. Errors: ErrNoUser, and ssmr.ErrBudget if those are too many bytes
// for one command.
func (c *Client) Refill(ctx context.Context, u User) (Timeline, error) {
	return c.GoRefill(ctx, u).Result(ctx)
}

// Posts are the newest posts of a user, at most MaxKept. Error: ErrNoUser.
func (c *Client) Posts(ctx context.Context, u User) (Timeline, error) {
	return c.GoPosts(ctx, u).Result(ctx)
}

// Followers are those who follow a user. Error: ErrNoUser.
func (c *Client) Followers(ctx context.Context, u User) (Users, error) {
	return send(ctx, c, GetFollowers, u, u).Result(ctx)
}

// Following are those whom a user follows. Error: ErrNoUser.
func (c *Client) Following(ctx context.Context, u User) (Users, error) {
	return send(ctx, c, GetFollowing, u, u).Result(ctx)
}

// GoJoin is Join without the wait for the reply.
func (c *Client) GoJoin(ctx context.Context, u User, options ...ssmr.CallOption) *Call[Changed] {
	if u > MaxUser {
		return failed[Changed](JoinUser.Name(), u, fmt.Errorf("%w: the limit is %d", ErrBadUser, MaxUser))
	}
	return send(ctx, c, JoinUser, u, u, options...)
}

// GoFollow is Follow without the wait for the reply.
func (c *Client) GoFollow(ctx context.Context, u, other User, options ...ssmr.CallOption) *Call[Changed] {
	call := send(ctx, c, FollowUser, u, Pair{u, other}, options...)
	call.then = func(Changed) { c.audiences.change(other, func(a Users) Users { return Users{a.r.with(u)} }) }
	return call
}

// GoFollowAll is FollowAll without the wait for the reply.
func (c *Client) GoFollowAll(ctx context.Context, u User, others Users, options ...ssmr.CallOption) *Call[int] {
	if n := others.Len(); n > MaxFollowAtOnce {
		return failed[int](FollowUsers.Name(), u, fmt.Errorf("%w: %d at once, the limit is %d", ErrTooManyFollowing, n, MaxFollowAtOnce))
	}
	call := send(ctx, c, FollowUsers, u, FollowArg{u, others}, options...)
	call.then = func(int) {
		for other := range others.All() {
			c.audiences.change(other, func(a Users) Users { return Users{a.r.with(u)} })
		}
	}
	return call
}

// GoUnfollow is Unfollow without the wait for the reply.
func (c *Client) GoUnfollow(ctx context.Context, u, other User, options ...ssmr.CallOption) *Call[Changed] {
	call := send(ctx, c, UnfollowUser, u, Pair{u, other}, options...)
	call.then = func(Changed) { c.audiences.change(other, func(a Users) Users { return Users{a.r.without(u)} }) }
	return call
}

// GoTimeline is Timeline without the wait for the reply.
func (c *Client) GoTimeline(ctx context.Context, u User, options ...ssmr.CallOption) *Call[Timeline] {
	return send(ctx, c, GetTimeline, u, u, options...)
}

// GoOrderedTimeline is OrderedTimeline without the wait for the reply.
func (c *Client) GoOrderedTimeline(ctx context.Context, u User, options ...ssmr.CallOption) *Call[Timeline] {
	return send(ctx, c, GetTimelineOrdered, u, u, options...)
}

// GoPosts is Posts without the wait for the reply.
func (c *Client) GoPosts(ctx context.Context, u User, options ...ssmr.CallOption) *Call[Timeline] {
	return send(ctx, c, GetPosts, u, u, options...)
}

// GoRefill is Refill without the wait for the reply.
func (c *Client) GoRefill(ctx context.Context, u User, options ...ssmr.CallOption) *Call[Timeline] {
	return send(ctx, c, RefillTimeline, u, u, options...)
}
