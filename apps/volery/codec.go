package volery

import (
	"bytes"
	"encoding/binary"
)

// Stored values, arguments and results have their own short binary form:
// varints, and strings behind their length. The last field of an argument or a
// result, if it is bytes, is the rest.

func (r record) AppendBinary(b []byte) ([]byte, error) {
	return appendInts(b, r.Czxid, r.Mzxid-r.Czxid, int64(r.Version), int64(r.Length)), nil
}

func (r *record) UnmarshalBinary(b []byte) error {
	var czxid, since, version, length int64
	if err := takeAll(b, &czxid, &since, &version, &length); err != nil {
		return err
	}
	*r = record{Czxid: czxid, Mzxid: czxid + since, Version: int32(version), Length: int32(length)}
	return nil
}

func (d directory) AppendBinary(b []byte) ([]byte, error) {
	return appendInts(b, d.Creates, d.Deletes, d.Pzxid, d.List), nil
}

func (d *directory) UnmarshalBinary(b []byte) error {
	return takeAll(b, &d.Creates, &d.Deletes, &d.Pzxid, &d.List)
}

func (c childChange) AppendBinary(b []byte) ([]byte, error) {
	return appendInts(b, c.Zxid, c.Path, flag(c.Removed)), nil
}

func (c *childChange) UnmarshalBinary(b []byte) error {
	var removed int64
	err := takeAll(b, &c.Zxid, &c.Path, &removed)
	c.Removed = removed != 0
	return err
}

// CreateArg is the argument of the command create.
type CreateArg struct {
	Path string
	Data []byte
}

// DeleteArg is the argument of the command delete.
type DeleteArg struct {
	Path    string
	Version int32
}

// SetArg is the argument of the command setData.
type SetArg struct {
	Path    string
	Version int32
	Data    []byte
}

// Presence is the result of the command exists.
type Presence struct {
	Found bool
	Stat  Stat // zero if not found
}

// Listing is the result of the command getChildren.
type Listing struct {
	Names []string // in byte order
	Stat  Stat
}

// Content is the result of the command getData.
type Content struct {
	Data []byte
	Stat Stat
}

func (a CreateArg) AppendBinary(b []byte) ([]byte, error) {
	return append(appendString(b, a.Path), a.Data...), nil
}

func (a *CreateArg) UnmarshalBinary(b []byte) (err error) {
	a.Path, b, err = takeString(b)
	a.Data = bytes.Clone(b)
	return err
}

func (a DeleteArg) AppendBinary(b []byte) ([]byte, error) {
	return appendInts(appendString(b, a.Path), int64(a.Version)), nil
}

func (a *DeleteArg) UnmarshalBinary(b []byte) (err error) {
	if a.Path, b, err = takeString(b); err != nil {
		return err
	}
	var version int64
	err = takeAll(b, &version)
	a.Version = int32(version)
	return err
}

func (a SetArg) AppendBinary(b []byte) ([]byte, error) {
	b = appendInts(appendString(b, a.Path), int64(a.Version))
	return append(b, a.Data...), nil
}

func (a *SetArg) UnmarshalBinary(b []byte) (err error) {
	if a.Path, b, err = takeString(b); err != nil {
		return err
	}
	var version int64
	b, err = takeInts(b, &version)
	a.Version, a.Data = int32(version), bytes.Clone(b)
	return err
}

func (p Presence) AppendBinary(b []byte) ([]byte, error) {
	if !p.Found {
		return b, nil
	}
	return p.Stat.AppendBinary(b)
}

func (p *Presence) UnmarshalBinary(b []byte) error {
	if len(b) == 0 {
		*p = Presence{}
		return nil
	}
	p.Found = true
	return p.Stat.UnmarshalBinary(b)
}

func (l Listing) AppendBinary(b []byte) ([]byte, error) {
	b = l.Stat.append(b)
	for _, name := range l.Names {
		b = appendString(b, name)
	}
	return b, nil
}

func (l *Listing) UnmarshalBinary(b []byte) error {
	b, err := l.Stat.take(b)
	l.Names = nil
	for err == nil && len(b) > 0 {
		var name string
		if name, b, err = takeString(b); err == nil {
			l.Names = append(l.Names, name)
		}
	}
	return err
}

func (c Content) AppendBinary(b []byte) ([]byte, error) {
	return append(c.Stat.append(b), c.Data...), nil
}

func (c *Content) UnmarshalBinary(b []byte) error {
	b, err := c.Stat.take(b)
	c.Data = append([]byte{}, b...)
	return err
}

// AppendBinary appends the fields from which the others follow.
func (s Stat) AppendBinary(b []byte) ([]byte, error) { return s.append(b), nil }

// UnmarshalBinary reads what AppendBinary made, and nothing else.
func (s *Stat) UnmarshalBinary(b []byte) error {
	b, err := s.take(b)
	if err == nil && len(b) > 0 {
		err = errRecord
	}
	return err
}

func (s Stat) append(b []byte) []byte {
	return appendInts(b, s.Czxid, s.Mzxid-s.Czxid, s.Pzxid-s.Czxid,
		int64(s.Version), int64(s.Cversion), int64(s.DataLength), int64(s.NumChildren))
}

func (s *Stat) take(b []byte) ([]byte, error) {
	var czxid, mzxid, pzxid, version, cversion, length, children int64
	b, err := takeInts(b, &czxid, &mzxid, &pzxid, &version, &cversion, &length, &children)
	if err != nil {
		return b, err
	}
	mzxid, pzxid = czxid+mzxid, czxid+pzxid
	*s = Stat{
		Czxid: czxid, Mzxid: mzxid, Pzxid: pzxid, Ctime: czxid / 1000, Mtime: mzxid / 1000,
		Version: int32(version), Cversion: int32(cversion),
		DataLength: int32(length), NumChildren: int32(children),
	}
	return b, nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func appendInts(b []byte, vs ...int64) []byte {
	for _, v := range vs {
		b = binary.AppendVarint(b, v)
	}
	return b
}

func takeInts(b []byte, to ...*int64) ([]byte, error) {
	for _, p := range to {
		v, n := binary.Varint(b)
		if n <= 0 {
			return nil, errRecord
		}
		*p, b = v, b[n:]
	}
	return b, nil
}

func takeAll(b []byte, to ...*int64) error {
	b, err := takeInts(b, to...)
	if err == nil && len(b) > 0 {
		err = errRecord
	}
	return err
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func takeString(b []byte) (string, []byte, error) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return "", nil, errRecord
	}
	b = b[used:]
	return string(b[:n]), b[n:], nil
}
