package chirper

import "github.com/eyrie-dev/eyrie/ssmr"

// The errors of the service. A failed command changed nothing. Test for them
// with errors.Is. What breaks a rule of texts or numbers never leaves the
// client.
var (
	// ErrNoUser: a user that the command needs has not joined.
	ErrNoUser = ssmr.NewError("no user", "no such user")
	// ErrBadUser: Join was given a number above MaxUser.
	ErrBadUser = ssmr.NewError("bad user", "bad user number")
	// ErrSelf: users see their own posts without following themselves.
	ErrSelf = ssmr.NewError("self", "users cannot follow themselves")
	// ErrBadText: the text is empty, or too long, or not fit to be shown.
	ErrBadText = ssmr.NewError("bad text", "bad text")
	// ErrTooManyFollowing: the user follows MaxFollowing others already.
	ErrTooManyFollowing = ssmr.NewError("too many followed", "too many followed")
	// ErrTooManyFollowers: the user to be followed has MaxFollowers already.
	ErrTooManyFollowers = ssmr.NewError("too many followers", "too many followers")
	// ErrTooWide: the post's bytes times its timelines exceed MaxFanOut. A
	// shorter text may pass.
	ErrTooWide = ssmr.NewError("too wide", "too long a text for so many followers")
)

// Limits, part of the service's behaviour: every replica must have the same.
const (
	// MaxUser is the largest number of a user: the largest that survives being
	// a number in JSON.
	MaxUser User = 1<<53 - 1
	// MaxText is how many characters a text may have, as a person counts them.
	MaxText = 140
	// MaxTextBytes is how many bytes of UTF-8 a text may have: 28 for each of
	// the characters. An emoji of a family of four has 25.
	MaxTextBytes = 28 * MaxText
	// MaxTimeline is how many posts a timeline holds.
	MaxTimeline = 50
	// MaxKept is how many posts of each user are kept for those who follow next.
	MaxKept = 20
	// MaxFollowing is how many others a user may follow.
	MaxFollowing = 10_000
	// MaxFollowers is how many others may follow a user.
	MaxFollowers = 10_000
	// MaxFollowAtOnce is how many others one command may have a user follow.
	MaxFollowAtOnce = 256
	// MaxFanOut bounds what a post writes: its bytes, with postOverhead, times
	// the timelines.
	MaxFanOut = 3 << 20
)

// postOverhead is at least what a post has besides its text.
const postOverhead = 32
