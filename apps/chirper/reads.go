package chirper

import "github.com/eyrie-dev/eyrie/ssmr"

// The commands that only read, each one variable. Their replies are what is
// stored.
var (
	// GetTimeline is a user's timeline. It is executed by one replica, without
	// being ordered.
	GetTimeline = ssmr.NewCommand("getTimeline", reads(feeds), stored(feeds, timelineOf), ssmr.ReadOnly())

	// GetTimelineOrdered is GetTimeline with a place in the order, as in the
	// dissertation; for comparison.
	GetTimelineOrdered = ssmr.NewCommand("getTimelineOrdered", reads(feeds), stored(feeds, timelineOf))

	// GetPosts are the posts that are kept of a user.
	GetPosts = ssmr.NewCommand("getPosts", reads(kept), stored(kept, timelineOf), ssmr.ReadOnly())

	// GetFollowers are those who follow a user.
	GetFollowers = ssmr.NewCommand("getFollowers", reads(followers), stored(followers, usersOf), ssmr.ReadOnly())

	// GetFollowing are those whom a user follows.
	GetFollowing = ssmr.NewCommand("getFollowing", reads(following), stored(following, usersOf), ssmr.ReadOnly())
)

func timelineOf(posts feed) Timeline { return Timeline{posts} }
func usersOf(users roster) Users     { return Users{users} }

func reads[V any](c *ssmr.Collection[uint64, V]) func(User) ssmr.Access {
	return func(u User) ssmr.Access { return ssmr.Exactly(c.Reads(uint64(u))) }
}

func stored[V, R any](c *ssmr.Collection[uint64, V], as func(V) R) func(ssmr.Tx, User) (R, error) {
	return func(tx ssmr.Tx, u User) (R, error) {
		v, ok := c.Get(tx, uint64(u))
		return as(v), joined(ok)
	}
}

func joined(ok bool) error {
	if !ok {
		return ErrNoUser
	}
	return nil
}
