package chirper

import "github.com/eyrie-dev/eyrie/ssmr"

// The variables, all placed by the hash of their user's number. A user has
// joined if and only if followers, following, feeds and kept hold something,
// perhaps nothing but an empty list, for them.
//
// Invariants: v is in followers[u] if and only if u is in following[v]; every
// post in feeds[v] is by v or by one of following[v].
var (
	// followers and following: who follows a user, and whom a user follows.
	followers = ssmr.NewCollection[uint64, roster]("followers", ssmr.WithDiff(diffRosters, patchRoster))
	following = ssmr.NewCollection[uint64, roster]("following")
	// feeds are the timelines, and kept the users' own newest posts.
	feeds = ssmr.NewCollection[uint64, feed]("feeds")
	kept  = ssmr.NewCollection[uint64, feed]("kept")
)

// The changes of variables, applied where they live: nothing of a timeline ever
// travels but to its reader.
var (
	addUser  = ssmr.NewOperation("add user", func(old roster, _ bool, u User) roster { return old.with(u) })
	dropUser = ssmr.NewOperation("drop user", func(old roster, _ bool, u User) roster { return old.without(u) })

	addPost = ssmr.NewSliding[feed]("add post", func(old []byte, _ bool, post entry) (int, []byte) {
		return feed(old).slide(post, MaxTimeline)
	}, ssmr.Commutative())
	keepPost = ssmr.NewSliding[feed]("keep post", func(old []byte, _ bool, post entry) (int, []byte) {
		return feed(old).slide(post, MaxKept)
	}, ssmr.Commutative())
	addPosts = ssmr.NewOperation("add posts", func(old feed, _ bool, posts feed) feed {
		return old.merge(posts, MaxTimeline)
	})
	dropPosts = ssmr.NewOperation("drop posts", func(old feed, _ bool, author User) feed {
		return old.without(author)
	})
)

// Service is Chirper: give it to ssmr.StartLocal, to ssmr.Dial, or compose it
// with other services.
var Service = ssmr.NewService("chirper",
	followers, following, feeds, kept,
	addUser, dropUser, addPost, keepPost, addPosts, dropPosts,
	ErrNoUser, ErrBadUser, ErrSelf, ErrBadText, ErrTooManyFollowing, ErrTooManyFollowers, ErrTooWide,
	JoinUser, PostText, PostOpen, FollowUser, FollowUsers, UnfollowUser, RefillTimeline,
	GetTimeline, GetTimelineOrdered, GetPosts, GetFollowers, GetFollowing)
