package chirper

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Arguments and results have a short binary form of their own: varints, and
// last the bytes that are left.

var errEncoding = errors.New("chirper: bad encoding")

// AppendBinary implements encoding.BinaryAppender.
func (u User) AppendBinary(b []byte) ([]byte, error) { return binary.AppendUvarint(b, uint64(u)), nil }

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (u *User) UnmarshalBinary(b []byte) error {
	rest, err := takeUsers(b, u)
	if err == nil && len(rest) > 0 {
		err = errEncoding
	}
	return err
}

// takeUsers reads users, each a varint in its shortest form.
func takeUsers(b []byte, users ...*User) ([]byte, error) {
	for _, u := range users {
		v, n := binary.Uvarint(b)
		if n <= 0 || n > 1 && b[n-1] == 0 {
			return nil, errEncoding
		}
		*u, b = User(v), b[n:]
	}
	return b, nil
}

// PostArg is the argument of the command post.
type PostArg struct {
	Author User
	// Audience are the author's followers, as the client knows them.
	Audience Users
	Text     string
}

// AppendBinary implements encoding.BinaryAppender.
func (a PostArg) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(a.Author))
	b = binary.AppendUvarint(b, uint64(len(a.Audience.r)))
	return append(append(b, a.Audience.r...), a.Text...), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (a *PostArg) UnmarshalBinary(b []byte) error {
	var size User
	rest, err := takeUsers(b, &a.Author, &size)
	if err != nil || uint64(size) > uint64(len(rest)) {
		return errEncoding
	}
	a.Text = string(rest[size:])
	return a.Audience.UnmarshalBinary(rest[:size])
}

// OpenPostArg is the argument of the command postOpen.
type OpenPostArg struct {
	Author User
	Text   string
}

// AppendBinary implements encoding.BinaryAppender.
func (a OpenPostArg) AppendBinary(b []byte) ([]byte, error) {
	return append(binary.AppendUvarint(b, uint64(a.Author)), a.Text...), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (a *OpenPostArg) UnmarshalBinary(b []byte) error {
	rest, err := takeUsers(b, &a.Author)
	a.Text = string(rest)
	return err
}

// Pair is the argument of follow and unfollow.
type Pair struct{ User, Other User }

// AppendBinary implements encoding.BinaryAppender.
func (p Pair) AppendBinary(b []byte) ([]byte, error) {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(p.User)), uint64(p.Other)), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (p *Pair) UnmarshalBinary(b []byte) error {
	rest, err := takeUsers(b, &p.User, &p.Other)
	if err == nil && len(rest) > 0 {
		err = errEncoding
	}
	return err
}

// FollowArg is the argument of the command followAll.
type FollowArg struct {
	User   User
	Others Users
}

// AppendBinary implements encoding.BinaryAppender.
func (a FollowArg) AppendBinary(b []byte) ([]byte, error) {
	return append(binary.AppendUvarint(b, uint64(a.User)), a.Others.r...), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (a *FollowArg) UnmarshalBinary(b []byte) error {
	rest, err := takeUsers(b, &a.User)
	if err != nil {
		return err
	}
	return a.Others.UnmarshalBinary(rest)
}

// Posted is the result of post and postOpen.
type Posted struct {
	// Done: the post is in the timelines of its author and of the followers.
	// Otherwise nothing has changed, and Audience are the followers.
	Done     bool
	Micros   int64
	Nonce    uint32
	Audience Users
}

// AppendBinary implements encoding.BinaryAppender.
func (p Posted) AppendBinary(b []byte) ([]byte, error) {
	if !p.Done {
		return append(append(b, 0), p.Audience.r...), nil
	}
	b = binary.BigEndian.AppendUint64(append(slices.Grow(b, 1+8+4), 1), uint64(p.Micros))
	return binary.BigEndian.AppendUint32(b, p.Nonce), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (p *Posted) UnmarshalBinary(b []byte) error {
	switch {
	case len(b) > 0 && b[0] == 0:
		return p.Audience.UnmarshalBinary(b[1:])
	case len(b) == 13 && b[0] == 1:
		p.Done, p.Micros, p.Nonce = true, int64(binary.BigEndian.Uint64(b[1:])), binary.BigEndian.Uint32(b[9:])
		return nil
	}
	return errEncoding
}

// Changed is the result of join, follow and unfollow: false if everything was
// so already.
type Changed bool

// AppendBinary implements encoding.BinaryAppender.
func (c Changed) AppendBinary(b []byte) ([]byte, error) {
	if c {
		return append(b, 1), nil
	}
	return append(b, 0), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (c *Changed) UnmarshalBinary(b []byte) error {
	if len(b) != 1 || b[0] > 1 {
		return errEncoding
	}
	*c = b[0] == 1
	return nil
}
