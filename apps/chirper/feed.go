package chirper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// feed is a list of posts in the form in which it is stored and sent: entries,
// oldest first, so that a post is put behind what is there and the oldest ones
// are cut off in front, without a look at the others. Nothing is the empty feed.
// It is never changed in place.
type feed []byte

// entry is a post in a feed:
//
//	size of what is between the sizes  2 bytes
//	time, in microseconds              8
//	number                             4
//	author                             a varint
//	text
//	the size again                     2
//	count                              1
//
// count is how many posts have come into the feed that are not newer than the
// entry, itself among them, at most as many as a feed holds: so the last byte of
// a feed is its length.
//
// Invariant: what posts make of a feed does not depend on the order in which they
// come in, to the byte; so the commands that bring them do not conflict. That two
// have one identity is next to impossible, and no exception: by their texts they
// have an order, and of equal ones each is kept, since one that has come and was
// cut off cannot be told from one that has not.
type entry []byte

const (
	headSize = 2 // before what is between
	tailSize = 3 // behind it
	fixed    = 12
)

var errFeed = errors.New("chirper: not a list of posts")

func newEntry(id PostID, text string) entry {
	b := make([]byte, headSize, headSize+fixed+binary.MaxVarintLen64+len(text)+tailSize)
	b = binary.BigEndian.AppendUint64(b, uint64(id.Micros))
	b = binary.BigEndian.AppendUint32(b, id.Nonce)
	b = binary.AppendUvarint(b, uint64(id.Author))
	b = append(b, text...)
	size := uint16(len(b) - headSize)
	binary.BigEndian.PutUint16(b, size)
	return append(binary.BigEndian.AppendUint16(b, size), MaxTimeline) // mostly that is its count
}

// first is the first entry of b, which is whole; it panics where there is none,
// and operations that panic leave their variable as it was.
func first(b []byte) entry {
	return entry(b[:headSize+int(binary.BigEndian.Uint16(b))+tailSize])
}

// last is the last entry of b, which is whole.
func last(b []byte) entry {
	size := int(binary.BigEndian.Uint16(b[len(b)-tailSize:]))
	return entry(b[len(b)-headSize-size-tailSize:])
}

// check says whether what the sizes say is so, and whether there is room for
// what an entry has.
func (e entry) check() error {
	if len(e) <= headSize+fixed+tailSize || len(first(e)) != len(e) || len(last(e)) != len(e) {
		return errFeed
	}
	if _, n := binary.Uvarint(e.author()); n <= 0 {
		return errFeed
	}
	return nil
}

// author is the varint, with what follows it.
func (e entry) author() []byte { return e[headSize+fixed : len(e)-tailSize] }

func (e entry) id() PostID {
	author, _ := binary.Uvarint(e.author())
	return PostID{
		Author: User(author),
		Micros: int64(binary.BigEndian.Uint64(e[headSize:])),
		Nonce:  binary.BigEndian.Uint32(e[headSize+8:]),
	}
}

func (e entry) text() []byte {
	b := e.author()
	_, n := binary.Uvarint(b)
	return b[max(n, 0):]
}

// newer is the order of a feed. Neither of two equal posts is newer.
func (e entry) newer(o entry) bool {
	x, y := e.id(), o.id()
	return x.Newer(y) || x == y && bytes.Compare(e.text(), o.text()) > 0
}

// AppendBinary implements encoding.BinaryAppender, as a feed does.
func (e entry) AppendBinary(b []byte) ([]byte, error) { return feed(e).AppendBinary(b) }

// UnmarshalBinary keeps b.
func (e *entry) UnmarshalBinary(b []byte) error {
	*e = b
	return nil
}

// AppendBinary implements encoding.BinaryAppender. Onto nothing it returns the
// feed itself: what is stored is never changed.
func (f feed) AppendBinary(b []byte) ([]byte, error) {
	if b == nil {
		return f[:len(f):len(f)], nil
	}
	return append(b, f...), nil
}

// UnmarshalBinary keeps b, which is what the state holds and never changes.
func (f *feed) UnmarshalBinary(b []byte) error {
	*f = b
	return nil
}

func (f feed) len() int {
	if len(f) == 0 {
		return 0
	}
	return int(f[len(f)-1])
}

// all are the entries, newest first.
func (f feed) all() iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for rest := f; len(rest) > 0; {
			e := last(rest)
			rest = rest[:len(rest)-len(e)]
			if !yield(e) {
				return
			}
		}
	}
}

// slide is the feed with a post, cut to so many, in the form of ssmr.NewSliding.
// A post is mostly newer than all others: then it costs nothing but itself,
// which it does at each of its readers.
func (f feed) slide(post entry, most int) (drop int, more []byte) {
	if n := f.len(); n > 0 {
		if !post.newer(last(f)) {
			return f.slideLate(post, most)
		}
		for ; n >= most; n-- {
			drop += len(first(f[drop:]))
		}
		if post[len(post)-1] == byte(n+1) {
			return drop, post
		}
		more = append(more, post...)
		more[len(more)-1] = byte(n + 1)
		return drop, more
	}
	return 0, feed{}.with(post)
}

// slideLate is slide for a post that is not newer than all others. Those that are
// newer count it, even if it is too old to be kept.
func (f feed) slideLate(post entry, most int) (drop int, more []byte) {
	older := f
	for len(older) > 0 {
		e := last(older)
		if !e.newer(post) {
			break
		}
		older = older[:len(older)-len(e)]
	}
	newer, count := f[len(older):], 1
	if len(older) > 0 {
		count = min(older.len()+1, most)
	}
	switch full := f.len() >= most; {
	case full && len(older) == 0:
		post = nil
	case full:
		older = older[len(first(older)):]
	}
	g := make(feed, 0, len(f)+len(post))
	if g = append(append(g, older...), post...); len(post) > 0 {
		g[len(g)-1] = byte(count)
	}
	for len(newer) > 0 {
		e := first(newer)
		g, newer = append(g, e...), newer[len(e):]
		g[len(g)-1] = byte(min(int(e[len(e)-1])+1, most))
	}
	return len(f), g
}

// with is the feed with an entry behind the others.
func (f feed) with(e entry) feed {
	n := f.len()
	f = append(f, e...)
	f[len(f)-1] = byte(n + 1)
	return f
}

// merge is the posts of both feeds, cut to so many.
func (f feed) merge(g feed, most int) feed {
	newest := make([]entry, 0, most)
	for len(newest) < most && len(f)+len(g) > 0 {
		if len(f) == 0 {
			f, g = g, f
		}
		next := last(f)
		if len(g) > 0 {
			other := last(g)
			switch {
			case other.newer(next):
				next, f, g = other, g, f
			case !next.newer(other):
				g = g[:len(g)-len(other)]
			}
		}
		f = f[:len(f)-len(next)]
		newest = append(newest, next)
	}
	return feedOf(newest)
}

// without is the feed without an author's posts.
func (f feed) without(author User) feed {
	others := make([]entry, 0, f.len())
	for e := range f.all() {
		if e.id().Author != author {
			others = append(others, e)
		}
	}
	if len(others) == f.len() {
		return f
	}
	return feedOf(others)
}

// feedOf is the feed of some entries, newest first.
func feedOf(newest []entry) feed {
	size := 0
	for _, e := range newest {
		size += len(e)
	}
	f := make(feed, 0, size)
	for _, e := range slices.Backward(newest) {
		f = f.with(e)
	}
	return f
}

// check says whether a feed from outside is one: whole entries in their order,
// as many as it says.
func (f feed) check() (err error) {
	defer func() {
		if recover() != nil {
			err = errFeed
		}
	}()
	var after entry
	seen := 0
	for e := range f.all() {
		if err := e.check(); err != nil {
			return err
		}
		if seen > 0 && e.newer(after) {
			return fmt.Errorf("%w: out of order", errFeed)
		}
		after = e
		seen++
	}
	if seen != f.len() {
		return fmt.Errorf("%w: %d posts, said to be %d", errFeed, seen, f.len())
	}
	return nil
}
