package chirper

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"
)

// User is the number of a user, at most MaxUser.
type User uint64

// ParseUser reads a number as people write it.
func ParseUser(s string) (User, error) {
	u, err := strconv.ParseUint(s, 10, 64)
	if err != nil || User(u) > MaxUser {
		return 0, fmt.Errorf("%w: %q is not a number from 0 to %d", ErrBadUser, s, MaxUser)
	}
	return User(u), nil
}

// PostID identifies a post, and orders posts as timelines show them: by time,
// then by author, then by a number that the command's identity yields.
type PostID struct {
	Author User
	// Micros is the time of the post, the command's Now, in microseconds since
	// 1970 UTC.
	Micros int64
	Nonce  uint32
}

// Time is when it was posted.
func (id PostID) Time() time.Time { return time.UnixMicro(id.Micros).UTC() }

// String is the same for equal identities only.
func (id PostID) String() string {
	return fmt.Sprintf("%d-%d-%08x", id.Author, id.Micros, id.Nonce)
}

// Newer says whether id stands before other in a timeline.
func (id PostID) Newer(other PostID) bool {
	switch {
	case id.Micros != other.Micros:
		return id.Micros > other.Micros
	case id.Author != other.Author:
		return id.Author > other.Author
	}
	return id.Nonce > other.Nonce
}

// Post is a text that a user posted.
type Post struct {
	ID   PostID
	Text string
}

// MarshalJSON makes an object of id, author, time (RFC 3339) and text.
func (p Post) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID     string    `json:"id"`
		Author User      `json:"author"`
		Time   time.Time `json:"time"`
		Text   string    `json:"text"`
	}{p.ID.String(), p.ID.Author, p.ID.Time(), p.Text})
}

// Timeline is a list of posts, newest first, as it was stored: nothing of it
// is decoded until it is looked at. The zero value is empty. It is immutable.
type Timeline struct{ f feed }

// Len is how many posts there are.
func (t Timeline) Len() int { return t.f.len() }

// All are the posts, newest first.
func (t Timeline) All() iter.Seq[Post] {
	return func(yield func(Post) bool) {
		for e := range t.f.all() {
			if !yield(Post{e.id(), string(e.text())}) {
				return
			}
		}
	}
}

// Posts are the posts, newest first.
func (t Timeline) Posts() []Post { return slices.AppendSeq(make([]Post, 0, t.Len()), t.All()) }

// MarshalJSON makes an array of posts.
func (t Timeline) MarshalJSON() ([]byte, error) { return json.Marshal(t.Posts()) }

// AppendBinary implements encoding.BinaryAppender. Onto nothing it returns what
// is stored, which is never changed: a reply costs no copy.
func (t Timeline) AppendBinary(b []byte) ([]byte, error) { return t.f.AppendBinary(b) }

// UnmarshalBinary keeps a copy of b.
func (t *Timeline) UnmarshalBinary(b []byte) error {
	t.f = slices.Clone(feed(b))
	return t.f.check()
}
