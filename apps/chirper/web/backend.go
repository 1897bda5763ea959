package web

import (
	"context"
	"time"
)

// Backend is Chirper as the server uses it; Chirper makes one of a client.
// Methods return at once, or when there is room for the command; ctx bounds
// that wait. They are called concurrently.
type Backend interface {
	Join(ctx context.Context, user uint64) Call
	Post(ctx context.Context, user uint64, text string) Call
	Follow(ctx context.Context, user, other uint64) Call
	Unfollow(ctx context.Context, user, other uint64) Call
	// Timeline reads a timeline: as an ordered command, which is answered
	// twice, or as a read without a place in the order, which is not.
	Timeline(ctx context.Context, user uint64, ordered bool) Call
	// Profile is what is shown of a user; ok is false for one who has not joined.
	Profile(ctx context.Context, user uint64) (p Profile, ok bool, err error)
	// Explain turns an error of a call into one for people and programs.
	Explain(err error) Problem
}

// Call is a command under way.
type Call interface {
	// First waits for whichever reply comes first; final: it is the
	// conservative one.
	First(ctx context.Context) (r Reply, final bool)
	// Last waits for the conservative reply.
	Last(ctx context.Context) Reply
	// Times are valid after Last.
	Times() Times
}

// Reply is one reply to a command: a value to be written as JSON, or an error.
// An error of ctx says that the wait was given up.
//
// The values are: of Post, a chirper.Post; of Timeline, an object with posts;
// of the others, an object with changed.
type Reply struct {
	Value any
	Err   error
}

// Times are when the replies to a command came, since it was sent.
type Times struct {
	Optimistic, Conservative time.Duration
	// Early: an optimistic reply came before the conservative one. Agreed: it
	// was the same; meaningful only if Early.
	Early, Agreed bool
}

// Profile is what is shown of a user.
type Profile struct {
	User      uint64 `json:"user"`
	Followers int    `json:"followers"`
	Following int    `json:"following"`
	// Follows are the first of those whom the user follows, in ascending order.
	Follows []uint64 `json:"follows"`
}
