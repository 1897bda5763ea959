package chirper

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// roster is a set of users in the form in which it is stored, sent and
// compared: their count, then the first and the differences to the next, all
// varints in their shortest form. Nothing is the empty set. Equal sets have
// equal rosters. It is never changed in place.
type roster []byte

var errRoster = errors.New("chirper: not a list of users")

// AppendBinary implements encoding.BinaryAppender. Onto nothing it returns the
// roster itself: what is stored is never changed.
func (r roster) AppendBinary(b []byte) ([]byte, error) {
	if b == nil {
		return r[:len(r):len(r)], nil
	}
	return append(b, r...), nil
}

// UnmarshalBinary keeps b, which is what the state holds and never changes.
func (r *roster) UnmarshalBinary(b []byte) error {
	*r = b
	return nil
}

func (r roster) len() int {
	n, _ := binary.Uvarint(r)
	return int(n)
}

// all are the users in ascending order.
func (r roster) all() iter.Seq[User] {
	return func(yield func(User) bool) {
		r.keys()(func(k uint64) bool { return yield(User(k)) })
	}
}

// keys are the users in ascending order, as collections know them.
func (r roster) keys() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		_, n := binary.Uvarint(r)
		if n <= 0 {
			return
		}
		for u, rest := uint64(0), r[n:]; len(rest) > 0; {
			d, n := binary.Uvarint(rest)
			if n <= 0 {
				return
			}
			u, rest = u+d, rest[n:]
			if !yield(u) {
				return
			}
		}
	}
}

func (r roster) has(u User) bool {
	for v := range r.all() {
		if v >= u {
			return v == u
		}
	}
	return false
}

// with is the set with u.
func (r roster) with(u User) roster { return r.changed(uint64(u), true) }

// without is the set without u.
func (r roster) without(u User) roster { return r.changed(uint64(u), false) }

// changed copies the users around u as they are: only the differences to u and
// to the one after it are new.
func (r roster) changed(u uint64, in bool) roster {
	count, n := binary.Uvarint(r)
	body := r[max(n, 0):]
	// body[:at] are the users below u, of whom last is the last; body[at:end] is
	// next, the first of the others, if there is any.
	var last, next uint64
	at, end := 0, 0
	for end < len(body) {
		d, n := step(body[end:])
		next, end = last+d, end+n
		if next >= u {
			break
		}
		last, at = next, end
	}
	there := end > at
	if (there && next == u) == in {
		return r
	}
	out := make([]byte, 0, len(r)+2*binary.MaxVarintLen64)
	if !in && count == 1 {
		return nil
	}
	if in {
		out = append(binary.AppendUvarint(out, count+1), body[:at]...)
		out = binary.AppendUvarint(out, u-last)
		if there {
			out = binary.AppendUvarint(out, next-u)
		}
		return append(out, body[end:]...)
	}
	out = append(binary.AppendUvarint(out, count-1), body[:at]...)
	if end < len(body) {
		d, n := step(body[end:])
		out, end = binary.AppendUvarint(out, next+d-last), end+n
	}
	return append(out, body[end:]...)
}

// step reads a varint of a stored roster, which was made here.
func step(b []byte) (uint64, int) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		panic(errRoster)
	}
	return v, n
}

// rosterOf is the set of some users, in any order.
func rosterOf(users []User) roster {
	users = slices.Compact(slices.Sorted(slices.Values(users)))
	if len(users) == 0 {
		return nil
	}
	out := binary.AppendUvarint(make([]byte, 0, 2+3*len(users)), uint64(len(users)))
	last := User(0)
	for _, u := range users {
		out, last = binary.AppendUvarint(out, uint64(u-last)), u
	}
	return out
}

// check says whether a roster from outside is one: with the count that it
// says, ascending, and not above MaxUser.
func (r roster) check() error {
	if len(r) == 0 {
		return nil
	}
	count, n := binary.Uvarint(r)
	if n <= 0 || count == 0 {
		return errRoster
	}
	var u, seen uint64
	for rest := r[n:]; len(rest) > 0; seen++ {
		d, n := binary.Uvarint(rest)
		if n <= 0 || d > uint64(MaxUser)-u || d == 0 && seen > 0 {
			return errRoster
		}
		u, rest = u+d, rest[n:]
	}
	if seen != count {
		return fmt.Errorf("%w: %d users, said to be %d", errRoster, seen, count)
	}
	return nil
}

// Users is a set of users. The zero value is empty. It is immutable.
type Users struct{ r roster }

// UsersOf is the set of some users, in any order.
func UsersOf(users ...User) Users { return Users{rosterOf(users)} }

// Len is how many they are.
func (u Users) Len() int { return u.r.len() }

// Has says whether a user is among them.
func (u Users) Has(user User) bool { return u.r.has(user) }

// All are the users in ascending order.
func (u Users) All() iter.Seq[User] { return u.r.all() }

// MarshalJSON makes an array of numbers.
func (u Users) MarshalJSON() ([]byte, error) {
	return json.Marshal(append([]User{}, slices.Collect(u.All())...))
}

// AppendBinary implements encoding.BinaryAppender.
func (u Users) AppendBinary(b []byte) ([]byte, error) { return u.r.AppendBinary(b) }

// UnmarshalBinary keeps a copy of b.
func (u *Users) UnmarshalBinary(b []byte) error {
	u.r = slices.Clone(roster(b))
	return u.r.check()
}
