package chirper

import "github.com/eyrie-dev/eyrie/ssmr"

// The commands that only read, each one variable. Their replies are what is
// stored.
var (
	// GetTimeline is a user's timeline. It is executed by one replica, without
	// being ordered.
	GetTimeline = ssmr.NewCommand("getTimeline", accessTimeline, getTimeline, ssmr.ReadOnly())

	// GetTimelineOrdered is GetTimeline with a place in the order, as in the
	// dissertation; for comparison.
	GetTimelineOrdered = ssmr.NewCommand("getTimelineOrdered", accessTimeline, getTimeline)

	// GetPosts are the posts that are kept of a user.
	GetPosts = ssmr.NewCommand("getPosts", func(u User) ssmr.Access {
		return ssmr.Exactly(kept.Reads(uint64(u)))
	}, func(tx ssmr.Tx, u User) (Timeline, error) {
		posts, ok := kept.Get(tx, uint64(u))
		return Timeline{posts}, joined(ok)
	}, ssmr.ReadOnly())

	// GetFollowers are those who follow a user.
	GetFollowers = ssmr.NewCommand("getFollowers", func(u User) ssmr.Access {
		return ssmr.Exactly(followers.Reads(uint64(u)))
	}, func(tx ssmr.Tx, u User) (Users, error) {
		users, ok := followers.Get(tx, uint64(u))
		return Users{users}, joined(ok)
	}, ssmr.ReadOnly())

	// GetFollowing are those whom a user follows.
	GetFollowing = ssmr.NewCommand("getFollowing", func(u User) ssmr.Access {
		return ssmr.Exactly(following.Reads(uint64(u)))
	}, func(tx ssmr.Tx, u User) (Users, error) {
		users, ok := following.Get(tx, uint64(u))
		return Users{users}, joined(ok)
	}, ssmr.ReadOnly())
)

func accessTimeline(u User) ssmr.Access { return ssmr.Exactly(feeds.Reads(uint64(u))) }

func getTimeline(tx ssmr.Tx, u User) (Timeline, error) {
	posts, ok := feeds.Get(tx, uint64(u))
	return Timeline{posts}, joined(ok)
}

func joined(ok bool) error {
	if !ok {
		return ErrNoUser
	}
	return nil
}
