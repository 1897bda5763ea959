package chirper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// feed is a list of posts in the form in which it is stored and sent: how many
// there are, in one byte, and the entries, newest first. Nothing is the empty
// feed. It is never changed in place.
type feed []byte

// entry is a post in a feed: the length of the rest as a varint, the time in
// eight bytes, the number in four, the author as a varint, the text.
type entry []byte

var errFeed = errors.New("chirper: not a list of posts")

func newEntry(id PostID, text string) entry {
	size := 12 + len(binary.AppendUvarint(make([]byte, 0, binary.MaxVarintLen64), uint64(id.Author))) + len(text)
	b := make([]byte, 0, binary.MaxVarintLen32+size)
	b = binary.AppendUvarint(b, uint64(size))
	b = binary.BigEndian.AppendUint64(b, uint64(id.Micros))
	b = binary.BigEndian.AppendUint32(b, id.Nonce)
	b = binary.AppendUvarint(b, uint64(id.Author))
	return append(b, text...)
}

// takeEntry is the first entry of b, which is whole: it panics where there is
// none, and operations that panic leave their variable as it was.
func takeEntry(b []byte) entry {
	size, n := binary.Uvarint(b)
	if n <= 0 || size < 13 || size > uint64(len(b)-n) {
		panic(errFeed)
	}
	return entry(b[:n+int(size)])
}

// body is an entry behind its length.
func (e entry) body() []byte {
	n := 0
	for e[n] >= 0x80 {
		n++
	}
	return e[n+1:]
}

func (e entry) id() PostID {
	b := e.body()
	author, _ := binary.Uvarint(b[12:])
	return PostID{
		Author: User(author),
		Micros: int64(binary.BigEndian.Uint64(b)),
		Nonce:  binary.BigEndian.Uint32(b[8:]),
	}
}

func (e entry) text() []byte {
	b := e.body()[12:]
	_, n := binary.Uvarint(b)
	return b[max(n, 0):]
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
	return int(f[0])
}

func (f feed) all() iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for rest := f.entries(); len(rest) > 0; {
			e := takeEntry(rest)
			rest = rest[len(e):]
			if !yield(e) {
				return
			}
		}
	}
}

func (f feed) entries() []byte { return f[min(1, len(f)):] }

// insert is the feed with a post, cut to so many: what a post costs each of its
// readers, so the entries around it are copied as they are.
func (f feed) insert(post entry, most int) feed {
	id, all := post.id(), f.entries()
	at := 0
	for at < len(all) {
		e := takeEntry(all[at:])
		if other := e.id(); !other.Newer(id) {
			if other == id {
				return f
			}
			break
		}
		at += len(e)
	}
	count, end := f.len()+1, len(all)
	if count > most {
		if at == end {
			return f
		}
		count, end = most, at
		for end < len(all) {
			e := takeEntry(all[end:])
			if end+len(e) == len(all) {
				break
			}
			end += len(e)
		}
	}
	out := make([]byte, 0, 1+len(post)+end)
	out = append(out, byte(count))
	out = append(out, all[:at]...)
	out = append(out, post...)
	return append(out, all[at:end]...)
}

// merge is the posts of both feeds, cut to so many.
func (f feed) merge(g feed, most int) feed {
	a, b := f.entries(), g.entries()
	out := make([]byte, 1, 1+len(a)+len(b))
	count := 0
	for ; count < most && len(a)+len(b) > 0; count++ {
		if len(a) == 0 {
			a, b = b, a
		}
		next := takeEntry(a)
		if len(b) > 0 {
			other := takeEntry(b)
			switch x, y := next.id(), other.id(); {
			case x == y:
				b = b[len(other):]
			case y.Newer(x):
				next, a, b = other, b, a
			}
		}
		a = a[len(next):]
		out = append(out, next...)
	}
	if count == 0 {
		return nil
	}
	out[0] = byte(count)
	return slices.Clip(out)
}

// without is the feed without an author's posts.
func (f feed) without(author User) feed {
	out := make([]byte, 1, max(1, len(f)))
	for e := range f.all() {
		if e.id().Author != author {
			out = append(out, e...)
			out[0]++
		}
	}
	switch out[0] {
	case 0:
		return nil
	case byte(f.len()):
		return f
	}
	return slices.Clip(out)
}

// check says whether a feed from outside is one: whole entries in their order,
// as many as it says.
func (f feed) check() (err error) {
	defer func() {
		if recover() != nil {
			err = errFeed
		}
	}()
	var last PostID
	seen := 0
	for e := range f.all() {
		if _, n := binary.Uvarint(e.body()[12:]); n <= 0 {
			return errFeed
		}
		id := e.id()
		if seen > 0 && !last.Newer(id) {
			return fmt.Errorf("%w: out of order", errFeed)
		}
		last = id
		seen++
	}
	if seen != f.len() || len(f) > 0 && seen == 0 {
		return fmt.Errorf("%w: %d posts, said to be %d", errFeed, seen, f.len())
	}
	return nil
}

// AppendBinary implements encoding.BinaryAppender, as a feed does.
func (e entry) AppendBinary(b []byte) ([]byte, error) { return feed(e).AppendBinary(b) }

// UnmarshalBinary keeps b.
func (e *entry) UnmarshalBinary(b []byte) error {
	*e = b
	return nil
}
