package ridge

import (
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Change is a decided change of an ensemble's members. A value has one in place
// of entries. A process keeps its id, its place and its say; what is replaced is
// its incarnation, which is its memory.
//
// It comes in two steps. The first names New as the incarnation of Process that
// counts, without a vote if it is an acceptor: it is a learner, and catches up.
// The second, Admit, gives it the vote.
type Change struct {
	// Version is the number of changes before it: otherwise it has no effect.
	Version uint64
	Process ids.Process
	New     ids.Incarnation
	// Addr is where the process is from now on; empty: where it was.
	Addr  string
	Admit bool
	// Floor, of an Admit: everything up to it is decided, and held by f+1 other
	// acceptors. Of that New knows nothing.
	Floor ids.Instance
}

// Member is a process that was replaced, as an ensemble knows it.
type Member struct {
	Process     ids.Process     `json:"process"`
	Incarnation ids.Incarnation `json:"incarnation"`
	// Generation counts its replacements.
	Generation uint64 `json:"generation"`
	// Voting: it is a mere learner, or an acceptor whose vote counts.
	Voting bool         `json:"voting"`
	Floor  ids.Instance `json:"floor"` // see Change
	Addr   string       `json:"addr"`  // see Change
}

// Members are the processes of an ensemble that were replaced; the others are as
// they were founded. Version is the number of changes that had effect. They
// follow from the decided sequence, so of two Members of one ensemble those of
// the higher version are true as well, and newer.
type Members struct {
	Ensemble ids.Ensemble
	Version  uint64
	List     []Member // in order of process
}

// Bounds of what comes from outside.
const (
	maxAddr    = 255
	maxMembers = 1 << 16
	// maxVersion leaves rounds room, see Round.
	maxVersion = 1 << 22
)

// with is ms after a change; false if that has no effect. acceptor says whether
// the change's process is one.
func (ms Members) with(ch *Change, acceptor bool) (Members, bool) {
	if ch.Version != ms.Version || ms.Version+1 >= maxVersion {
		return ms, false
	}
	i, known := slices.BinarySearchFunc(ms.List, ch.Process, func(m Member, p ids.Process) int { return int(m.Process) - int(p) })
	list := slices.Clone(ms.List)
	switch {
	case ch.Admit && (!known || list[i].Voting || list[i].Incarnation != ch.New):
		return ms, false
	case ch.Admit:
		list[i].Voting, list[i].Floor = true, ch.Floor
	case known && list[i].Incarnation == ch.New:
		return ms, false
	default:
		if !known {
			list = slices.Insert(list, i, Member{Process: ch.Process})
		}
		m := &list[i]
		m.Incarnation, m.Voting, m.Floor = ch.New, !acceptor, 0
		m.Generation++
		if ch.Addr != "" {
			m.Addr = ch.Addr
		}
	}
	return Members{ms.Ensemble, ms.Version + 1, list}, true
}

// find is what is known of a process that was replaced, or nil.
func (ms *Members) find(p ids.Process) *Member {
	for i := range ms.List {
		if ms.List[i].Process == p {
			return &ms.List[i]
		}
	}
	return nil
}

func (ch *Change) append(b []byte) []byte {
	b = wire.AppendUvarint(b, ch.Version)
	b = wire.AppendUint16(b, uint16(ch.Process))
	b = wire.AppendUint64(b, uint64(ch.New))
	b = wire.AppendString(b, ch.Addr)
	return appendInstance(wire.AppendBool(b, ch.Admit), ch.Floor)
}

func readChange(r *wire.Reader) *Change {
	ch := &Change{Version: r.Uvarint(), Process: ids.Process(r.Uint16()), New: ids.Incarnation(r.Uint64()), Addr: r.String()}
	ch.Admit, ch.Floor = r.Bool(), readInstance(r)
	if len(ch.Addr) > maxAddr || ch.Version >= maxVersion || ch.New == 0 {
		r.Fail("a change out of range")
	}
	return ch
}

// digest covers the change in its value's id [R7].
func (ch *Change) digest() uint64 { return xxh3.Hash(ch.append(nil)) }

// change makes the value one of a change alone.
func (b *builder) change(ch *Change) *builder {
	b.v.change = ch
	b.v.raw = ch.append(b.v.raw)
	return b
}

// Append appends the members' bytes.
func (ms *Members) Append(b []byte) []byte {
	b = wire.AppendUvarint(appendEnsemble(b, ms.Ensemble), ms.Version)
	b = wire.AppendUvarint(b, uint64(len(ms.List)))
	for i := range ms.List {
		m := &ms.List[i]
		b = wire.AppendUint16(b, uint16(m.Process))
		b = wire.AppendUint64(b, uint64(m.Incarnation))
		b = wire.AppendUvarint(b, m.Generation)
		b = appendInstance(wire.AppendBool(b, m.Voting), m.Floor)
		b = wire.AppendString(b, m.Addr)
	}
	return b
}

// ReadMembers reads what Append wrote.
func ReadMembers(r *wire.Reader) Members {
	ms := Members{Ensemble: readEnsemble(r), Version: r.Uvarint()}
	n := r.Count(14)
	if n > maxMembers || ms.Version >= maxVersion {
		r.Fail("members out of range")
		return ms
	}
	for i := range n {
		m := Member{Process: ids.Process(r.Uint16()), Incarnation: ids.Incarnation(r.Uint64()), Generation: r.Uvarint()}
		m.Voting, m.Floor, m.Addr = r.Bool(), readInstance(r), r.String()
		if r.Err() == nil && (len(m.Addr) > maxAddr || m.Incarnation == 0 || m.Generation == 0 || i > 0 && m.Process <= ms.List[i-1].Process) {
			r.Fail("members out of order or range")
		}
		if r.Err() != nil {
			break
		}
		ms.List = append(ms.List, m)
	}
	return ms
}

// roll tells members.
type roll struct{ Members Members }

func (*roll) Kind() wire.Kind          { return kindRoll }
func (m *roll) Append(b []byte) []byte { return m.Members.Append(b) }
