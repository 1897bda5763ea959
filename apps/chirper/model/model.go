// Package model is Chirper without partitions: users in plain Go maps and
// slices, one command after another. It exists to be obviously right, so that
// checkers can replay a history on it and compare every reply; it shares no
// rule with the service but the names of the errors and the limits.
package model

import (
	"cmp"
	"maps"
	"slices"

	"github.com/eyrie-dev/eyrie/apps/chirper"
)

// Network is the state. It is not safe for concurrent use.
type Network struct{ users map[chirper.User]*user }

type user struct {
	followers, following map[chirper.User]bool
	timeline, kept       []chirper.Post // newest first
}

// New is a network without users.
func New() *Network { return &Network{users: map[chirper.User]*user{}} }

// Clone is a copy that shares nothing with n.
func (n *Network) Clone() *Network {
	c := New()
	for id, u := range n.users {
		c.users[id] = &user{
			maps.Clone(u.followers), maps.Clone(u.following),
			slices.Clone(u.timeline), slices.Clone(u.kept),
		}
	}
	return c
}

// Join makes a user.
func (n *Network) Join(id chirper.User) (bool, error) {
	if id > chirper.MaxUser {
		return false, chirper.ErrBadUser
	}
	if n.users[id] != nil {
		return false, nil
	}
	n.users[id] = &user{followers: map[chirper.User]bool{}, following: map[chirper.User]bool{}}
	return true, nil
}

// Post puts a post, whose author is p.ID.Author, where it belongs.
func (n *Network) Post(p chirper.Post) error {
	author := n.users[p.ID.Author]
	if err := chirper.CheckText(p.Text); err != nil {
		return chirper.ErrBadText
	}
	if author == nil {
		return chirper.ErrNoUser
	}
	if (len(p.Text)+32)*(1+len(author.followers)) > chirper.MaxFanOut {
		return chirper.ErrTooWide
	}
	author.kept = newest(chirper.MaxKept, author.kept, []chirper.Post{p})
	author.timeline = newest(chirper.MaxTimeline, author.timeline, []chirper.Post{p})
	for id := range author.followers {
		u := n.users[id]
		u.timeline = newest(chirper.MaxTimeline, u.timeline, []chirper.Post{p})
	}
	return nil
}

// Follow has id follow other.
func (n *Network) Follow(id, other chirper.User) (bool, error) {
	u, o := n.users[id], n.users[other]
	switch {
	case id == other:
		return false, chirper.ErrSelf
	case u == nil:
		return false, chirper.ErrNoUser
	case u.following[other]:
		return false, nil
	case o == nil:
		return false, chirper.ErrNoUser
	case len(u.following) >= chirper.MaxFollowing:
		return false, chirper.ErrTooManyFollowing
	case len(o.followers) >= chirper.MaxFollowers:
		return false, chirper.ErrTooManyFollowers
	}
	u.following[other], o.followers[id] = true, true
	u.timeline = newest(chirper.MaxTimeline, u.timeline, o.kept)
	return true, nil
}

// FollowAll has id follow others, in ascending order: all or, on an error, none.
func (n *Network) FollowAll(id chirper.User, others []chirper.User) (more int, err error) {
	after := n.Clone()
	if n.users[id] == nil {
		return 0, chirper.ErrNoUser
	}
	for _, other := range others {
		changed, err := after.Follow(id, other)
		if err != nil {
			return 0, err
		}
		if changed {
			more++
		}
	}
	*n = *after
	return more, nil
}

// Unfollow has id follow other no more.
func (n *Network) Unfollow(id, other chirper.User) (bool, error) {
	u := n.users[id]
	if u == nil {
		return false, chirper.ErrNoUser
	}
	if !u.following[other] {
		return false, nil
	}
	delete(u.following, other)
	delete(n.users[other].followers, id)
	u.timeline = slices.DeleteFunc(slices.Clone(u.timeline), func(p chirper.Post) bool { return p.ID.Author == other })
	return true, nil
}

// Refill makes a timeline of what is kept.
func (n *Network) Refill(id chirper.User) ([]chirper.Post, error) {
	u := n.users[id]
	if u == nil {
		return nil, chirper.ErrNoUser
	}
	all := [][]chirper.Post{u.kept}
	for other := range u.following {
		all = append(all, n.users[other].kept)
	}
	u.timeline = newest(chirper.MaxTimeline, all...)
	return u.timeline, nil
}

// Timeline is a user's timeline.
func (n *Network) Timeline(id chirper.User) ([]chirper.Post, error) {
	if u := n.users[id]; u != nil {
		return u.timeline, nil
	}
	return nil, chirper.ErrNoUser
}

// Posts are the posts that are kept of a user.
func (n *Network) Posts(id chirper.User) ([]chirper.Post, error) {
	if u := n.users[id]; u != nil {
		return u.kept, nil
	}
	return nil, chirper.ErrNoUser
}

// Followers are those who follow a user, in ascending order.
func (n *Network) Followers(id chirper.User) ([]chirper.User, error) {
	if u := n.users[id]; u != nil {
		return slices.Sorted(maps.Keys(u.followers)), nil
	}
	return nil, chirper.ErrNoUser
}

// Following are those whom a user follows, in ascending order.
func (n *Network) Following(id chirper.User) ([]chirper.User, error) {
	if u := n.users[id]; u != nil {
		return slices.Sorted(maps.Keys(u.following)), nil
	}
	return nil, chirper.ErrNoUser
}

// newest are so many of some posts, newest first, each once.
func newest(most int, lists ...[]chirper.Post) []chirper.Post {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b chirper.Post) int {
		return -cmp.Or(cmp.Compare(a.ID.Micros, b.ID.Micros),
			cmp.Compare(a.ID.Author, b.ID.Author), cmp.Compare(a.ID.Nonce, b.ID.Nonce))
	})
	all = slices.Compact(all)
	return all[:min(most, len(all))]
}
