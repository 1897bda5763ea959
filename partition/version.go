package partition

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Version names one value of a variable: the one that the command at a position
// wrote, or, if Before, the one that there was before that command. The zero
// Version is no name.
//
// Invariant: what a name means is fixed by the merged order alone. So replicas
// need not agree on which names they know or use, and a name outlives whoever
// gave it: nothing about names is in checkpoints. A value may have several, also
// of commands later than the one that it is told for: those that read it too.
type Version struct {
	ids.Position
	Before bool
}

func (v Version) isZero() bool { return v == Version{} }

// older says whether v was there before w.
func (v Version) older(w Version) bool {
	return v.Position.Less(w.Position) || v.Position == w.Position && v.Before && !w.Before
}

// Same tells a variable's value before a command by its version, to those that
// are believed to hold that, or what it differs little from (section 4.3.1).
// Who does not hold exactly that pulls [N2].
type Same struct {
	Key     Key
	Version Version
	// Change, if not nil, makes the value of an older version.
	Change *Change
}

// Change is what a collection's Diff has made.
type Change struct {
	Base Version
	// Keep: the value takes the place of the older one, which otherwise stays, since
	// others will be told of changes to that.
	Keep bool
	// Sum is the xxhash of the value: the receiver believes nothing else.
	Sum  uint64
	Diff []byte
}

func (s *Same) bytes() int {
	n := len(s.Key.Name) + 64
	if s.Change != nil {
		n += len(s.Change.Diff) + 40
	}
	return n
}

// First bytes of an encoded version; there is nothing after noVersion.
const (
	noVersion = iota
	versionBefore
	versionWritten
)

func appendVersion(b []byte, v Version) []byte {
	switch {
	case v.isZero():
		return append(b, noVersion)
	case v.Before:
		return wire.AppendPosition(append(b, versionBefore), v.Position)
	}
	return wire.AppendPosition(append(b, versionWritten), v.Position)
}

func readVersion(r *wire.Reader) (v Version) {
	switch r.Byte() {
	case noVersion:
		return v
	case versionBefore:
		v.Before = true
	case versionWritten:
	default:
		r.Fail("version out of range")
	}
	if v.Position = r.Position(); v.Position == (ids.Position{}) {
		r.Fail("version of nothing")
	}
	return v
}

// Bits of an Exchange's first byte after the tag.
const (
	exchangeSignal = 1 << iota
	exchangeNames
	exchangeSame
)

func (m *Exchange) flags() (f byte) {
	if m.Signal {
		f |= exchangeSignal
	}
	if len(m.Names) > 0 {
		f |= exchangeNames
	}
	if len(m.Same) > 0 {
		f |= exchangeSame
	}
	return f
}

// appendNames appends what caches are for; nothing if they are not used.
func (m *Exchange) appendNames(b []byte) []byte {
	for _, v := range m.Names {
		b = appendVersion(b, v)
	}
	if len(m.Same) == 0 {
		return b
	}
	b = wire.AppendUvarint(b, uint64(len(m.Same)))
	for i := range m.Same {
		s := &m.Same[i]
		b = appendVersion(appendKey(b, s.Key), s.Version)
		switch c := s.Change; {
		case c == nil:
			b = append(b, noChange)
		case c.Keep:
			b = append(b, changeToKeep)
		default:
			b = append(b, changeOnce)
		}
		if c := s.Change; c != nil {
			b = wire.AppendUint64(appendVersion(b, c.Base), c.Sum)
			b = wire.AppendBytes(b, c.Diff)
		}
	}
	return b
}

// What an encoded Same goes on with.
const (
	noChange = iota
	changeToKeep
	changeOnce
)

// minSame is the least that an encoded Same takes.
const minSame = 2 + 1 + 1 + 10 + 1

// readNames reads what appendNames wrote; a single Same goes into one.
func (m *Exchange) readNames(r *wire.Reader, flags byte, one []Same) {
	if flags&exchangeNames != 0 {
		if m.Names = make([]Version, len(m.Vars)); len(m.Vars) == 0 {
			r.Fail("names of nothing")
		}
		for i := range m.Names {
			m.Names[i] = readVersion(r)
		}
	}
	if flags&exchangeSame != 0 {
		n := r.Count(minSame)
		if n == 0 {
			r.Fail("nothing is the same")
			return
		}
		if m.Same = one; n > len(one) {
			m.Same = make([]Same, n)
		}
		for i := range m.Same {
			s := &m.Same[i]
			s.Key, s.Version = readKey(r), readVersion(r)
			switch how := r.Byte(); how {
			case noChange:
			case changeToKeep, changeOnce:
				s.Change = &Change{Keep: how == changeToKeep, Base: readVersion(r), Sum: r.Uint64(), Diff: r.Bytes()}
			default:
				r.Fail("no such change")
			}
		}
	}
	if r.Err() == nil && !m.dated() {
		r.Fail("versions out of order")
	}
}

// dated says whether every name can be one.
func (m *Exchange) dated() bool {
	if len(m.Names) > 0 && len(m.Names) != len(m.Vars) {
		return false
	}
	for i := range m.Same {
		s := &m.Same[i]
		if s.Version.isZero() || s.Change != nil && (s.Change.Base.isZero() || !s.Change.Base.older(s.Version)) {
			return false
		}
	}
	return true
}
