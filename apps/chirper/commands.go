package chirper

import (
	"bytes"
	"fmt"

	"github.com/eyrie-dev/eyrie/ssmr"
)

// The commands that change something. Client is the comfortable way to call
// them.
var (
	// JoinUser makes a user, whom nobody follows and who follows nobody. It is
	// false if there was one.
	JoinUser = ssmr.NewCommand("join", func(u User) ssmr.Access {
		id := uint64(u)
		return ssmr.Exactly(followers.Writes(id), following.Writes(id), feeds.Writes(id), kept.Writes(id))
	}, join)

	// PostText puts a post into the timelines of its author and of the
	// followers, if they are those of the argument. Posts do not wait for each other.
	PostText = ssmr.NewCommand("post", accessPost, post)

	// PostOpen is PostText for whoever does not know the followers: slow, and
	// slow for others, since it conflicts with every other command.
	PostOpen = ssmr.NewCommand("postOpen", func(a OpenPostArg) ssmr.Access {
		id := uint64(a.Author)
		return ssmr.AtLeast(followers.Reads(id), kept.Writes(id), feeds.Writes(id))
	}, postOpen)

	// FollowUser has User follow Other: the posts of Other that are kept come
	// into the timeline of User. It is false if it was so.
	FollowUser = ssmr.NewCommand("follow", func(p Pair) ssmr.Access {
		user, other := uint64(p.User), uint64(p.Other)
		return ssmr.Exactly(following.Writes(user), followers.Writes(other), feeds.Writes(user), kept.Reads(other)).
			Also(following.Reads(user), followers.Reads(other)) // so that they are sent at once
	}, follow)

	// FollowUsers is FollowUser for several at once: all of them or, on an
	// error, none. It is how many there are more now.
	FollowUsers = ssmr.NewCommand("followAll", accessFollowAll, followAll)

	// UnfollowUser has User follow Other no more: the posts of Other leave the
	// timeline of User. It is false if it was so.
	UnfollowUser = ssmr.NewCommand("unfollow", func(p Pair) ssmr.Access {
		user, other := uint64(p.User), uint64(p.Other)
		return ssmr.Exactly(following.Writes(user), followers.Writes(other), feeds.Writes(user)).Also(following.Reads(user))
	}, unfollow)

	// RefillTimeline makes a timeline of the posts that are kept of the user and
	// of those whom the user follows. It conflicts with every other command.
	RefillTimeline = ssmr.NewCommand("refill", func(u User) ssmr.Access {
		return ssmr.AtLeast(following.Reads(uint64(u)), kept.Reads(uint64(u)), feeds.Writes(uint64(u)))
	}, refill)
)

func join(tx ssmr.Tx, u User) (Changed, error) {
	if u > MaxUser {
		return false, fmt.Errorf("%w: %d, the limit is %d", ErrBadUser, u, MaxUser)
	}
	id := uint64(u)
	if followers.Has(tx, id) {
		return false, nil
	}
	followers.Put(tx, id, nil)
	following.Put(tx, id, nil)
	feeds.Put(tx, id, nil)
	kept.Put(tx, id, nil)
	return true, nil
}

// accessPost is what post touches if the audience is right; it never touches
// more.
func accessPost(a PostArg) ssmr.Access {
	id := uint64(a.Author)
	return ssmr.Exactly(followers.Reads(id), kept.Updates(id, keepPost), feeds.Updates(id, addPost),
		feeds.UpdatesEach(a.Audience.r.keys(), addPost))
}

func post(tx ssmr.Tx, a PostArg) (Posted, error) {
	if err := CheckText(a.Text); err != nil {
		return Posted{}, err
	}
	audience, ok := followers.Get(tx, uint64(a.Author))
	if !ok {
		return Posted{}, ErrNoUser
	}
	if !bytes.Equal(audience, a.Audience.r) {
		return Posted{Audience: Users{audience}}, nil
	}
	return publish(tx, a.Author, audience, a.Text)
}

func postOpen(tx ssmr.Tx, a OpenPostArg) (Posted, error) {
	if err := CheckText(a.Text); err != nil {
		return Posted{}, err
	}
	audience, ok := followers.Get(tx, uint64(a.Author))
	if !ok {
		return Posted{}, ErrNoUser
	}
	return publish(tx, a.Author, audience, a.Text)
}

// publish writes a post wherever it belongs.
func publish(tx ssmr.Tx, author User, audience roster, text string) (Posted, error) {
	if wide := (1 + audience.len()) * (postOverhead + len(text)); wide > MaxFanOut {
		return Posted{}, fmt.Errorf("%w: %d bytes for %d timelines, the limit is %d in all",
			ErrTooWide, len(text), 1+audience.len(), MaxFanOut)
	}
	id := PostID{Author: author, Micros: tx.Now().UnixMicro(), Nonce: tx.Rand().Uint32()}
	e := newEntry(id, text)
	kept.Update(tx, uint64(author), keepPost.With(e))
	add := addPost.With(e)
	feeds.Update(tx, uint64(author), add)
	feeds.UpdateEach(tx, audience.keys(), add)
	return Posted{Done: true, Micros: id.Micros, Nonce: id.Nonce}, nil
}

func follow(tx ssmr.Tx, p Pair) (Changed, error) {
	if p.User == p.Other {
		return false, ErrSelf
	}
	mine, ok := following.Get(tx, uint64(p.User))
	if !ok {
		return false, fmt.Errorf("%w: %d", ErrNoUser, p.User)
	}
	if mine.has(p.Other) {
		return false, nil
	}
	if err := mayFollow(p, mine.len()); err != nil {
		return false, err
	}
	if err := connect(tx, p); err != nil {
		return false, err
	}
	return true, nil
}

// mayFollow says whether somebody who follows so many may follow one more.
func mayFollow(p Pair, many int) error {
	if many >= MaxFollowing {
		return fmt.Errorf("%w: %d follows %d already", ErrTooManyFollowing, p.User, many)
	}
	return nil
}

// connect has User follow Other, whom User does not follow yet.
func connect(tx ssmr.Tx, p Pair) error {
	user, other := uint64(p.User), uint64(p.Other)
	theirs, ok := followers.Get(tx, other)
	switch {
	case !ok:
		return fmt.Errorf("%w: %d", ErrNoUser, p.Other)
	case theirs.len() >= MaxFollowers:
		return fmt.Errorf("%w: %d follow %d already", ErrTooManyFollowers, theirs.len(), p.Other)
	}
	following.Update(tx, user, addUser.With(p.Other))
	followers.Update(tx, other, addUser.With(p.User))
	if posts, _ := kept.Get(tx, other); len(posts) > 0 {
		feeds.Update(tx, user, addPosts.With(posts))
	}
	return nil
}

func accessFollowAll(a FollowArg) ssmr.Access {
	user := uint64(a.User)
	items := make([]ssmr.Item, 0, 3+3*min(a.Others.Len(), MaxFollowAtOnce))
	items = append(items, following.Writes(user), following.Reads(user), feeds.Writes(user))
	if a.Others.Len() > MaxFollowAtOnce {
		return ssmr.Exactly(items...)
	}
	for other := range a.Others.All() {
		// What is read, too, is sent at once: else each would wait for the one before.
		items = append(items, followers.Writes(uint64(other)), followers.Reads(uint64(other)), kept.Reads(uint64(other)))
	}
	return ssmr.ExactlyAll(items)
}

func followAll(tx ssmr.Tx, a FollowArg) (more int, err error) {
	if n := a.Others.Len(); n > MaxFollowAtOnce {
		return 0, fmt.Errorf("%w: %d at once, the limit is %d", ErrTooManyFollowing, n, MaxFollowAtOnce)
	}
	mine, ok := following.Get(tx, uint64(a.User))
	if !ok {
		return 0, fmt.Errorf("%w: %d", ErrNoUser, a.User)
	}
	for other := range a.Others.All() {
		p := Pair{a.User, other}
		switch {
		case other == a.User:
			return 0, ErrSelf
		case mine.has(other):
			continue
		}
		if err := mayFollow(p, mine.len()+more); err != nil {
			return 0, err
		}
		if err := connect(tx, p); err != nil {
			return 0, err
		}
		more++
	}
	return more, nil
}

func unfollow(tx ssmr.Tx, p Pair) (Changed, error) {
	user, other := uint64(p.User), uint64(p.Other)
	mine, ok := following.Get(tx, user)
	if !ok {
		return false, fmt.Errorf("%w: %d", ErrNoUser, p.User)
	}
	if !mine.has(p.Other) {
		return false, nil
	}
	following.Update(tx, user, dropUser.With(p.Other))
	followers.Update(tx, other, dropUser.With(p.User))
	feeds.Update(tx, user, dropPosts.With(p.Other))
	return true, nil
}

func refill(tx ssmr.Tx, u User) (Timeline, error) {
	mine, ok := following.Get(tx, uint64(u))
	if !ok {
		return Timeline{}, ErrNoUser
	}
	all, _ := kept.Get(tx, uint64(u))
	for v := range mine.all() {
		posts, _ := kept.Get(tx, uint64(v))
		all = all.merge(posts, MaxTimeline)
	}
	feeds.Put(tx, uint64(u), all)
	return Timeline{all}, nil
}
