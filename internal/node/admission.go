package node

import (
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// A process that starts with no memory in a cluster that knows it with another is
// refused, and waits: it does no more than say that it is there, until an
// operator has it take the place of the one that is gone. The cluster does that
// by ordered changes of the ensembles' members (ridge.Change). As soon as one
// ensemble names its incarnation, whoever has learned that tells it the founded
// list and the members, which it keeps, durably, before it takes part in anything.

// Waiting begins the State of a process that waits to be admitted.
const Waiting = "waiting to be admitted"

// errReplaced is the end of a process whose place another incarnation has.
var errReplaced = fmt.Errorf("%w: it has been replaced, and its directory is of no use any more; to have it replace that one, start it with an empty directory", ErrForgotten)

// Replaced tells a process that it is the replacement of the one before it.
type Replaced struct {
	List    []ids.Incarnation // as the cluster was founded
	Members []ridge.Members
}

// Kind implements wire.Message.
func (*Replaced) Kind() wire.Kind { return KindReplaced }

// Append implements wire.Message.
func (m *Replaced) Append(b []byte) []byte { return appendMembers(appendList(b, m.List), m.Members) }

func appendMembers(b []byte, list []ridge.Members) []byte {
	b = wire.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = list[i].Append(b)
	}
	return b
}

// readMembers reads what appendMembers wrote; ensembles must ascend.
func readMembers(r *wire.Reader) (list []ridge.Members) {
	for n := r.Count(4); n > 0 && r.Err() == nil; n-- {
		ms := ridge.ReadMembers(r)
		if len(list) > 0 && ms.Ensemble <= list[len(list)-1].Ensemble {
			r.Fail("ensembles out of order")
		}
		list = append(list, ms)
	}
	return list
}

// named finds what members say of a process: the newest generation, or nil.
func named(list []ridge.Members, p ids.Process) (m *ridge.Member) {
	for i := range list {
		for j := range list[i].List {
			if x := &list[i].List[j]; x.Process == p && (m == nil || x.Generation > m.Generation) {
				m = x
			}
		}
	}
	return m
}

// current is the incarnation of the i-th member that counts.
func (f *founding) current(i int) ids.Incarnation {
	if f.replaced != nil {
		if m := f.replaced(f.members[i]); m != nil {
			return m.Incarnation
		}
	}
	return f.list[i]
}

// generation is how often the i-th member was replaced, as far as is known.
func (f *founding) generation(i int) uint64 {
	if f.replaced != nil {
		if m := f.replaced(f.members[i]); m != nil {
			return m.Generation
		}
	}
	return 0
}

// greet answers a process that says that it is there.
func (f *founding) greet(i int) {
	p := f.members[i]
	if f.generation(i) > 0 {
		f.send(p, &Replaced{List: f.list, Members: f.roll()})
		return
	}
	f.send(p, &Founded{List: f.list})
}

// stepReplaced makes this process the replacement that it is said to be.
func (f *founding) stepReplaced(m *Replaced) {
	me := named(m.Members, f.self)
	if f.founded || f.fixing != nil || len(m.List) != len(f.members) || me == nil || me.Incarnation != f.inc {
		return
	}
	f.place = m.Members
	f.fix(m.List)
}

// stepRefused takes another's word that this incarnation does not count. Whoever
// takes part already believes only those who know more: others are late.
func (f *founding) stepRefused(m *Refused) {
	switch {
	case m.Incarnation != f.inc:
	case !f.founded && f.fixing == nil:
		f.forgotten()
	case m.Generation > f.generation(f.index(f.self)):
		f.err = errReplaced
	}
}

// own says whether a founded list, with the members that came with it, has this
// process's incarnation.
func (f *founding) own(list []ids.Incarnation, members []ridge.Members) bool {
	if m := named(members, f.self); m != nil {
		return m.Incarnation == f.inc
	}
	return list[f.index(f.self)] == f.inc
}

// founded tells Ridge the incarnations as the cluster was founded.
func (n *Node) foundedAs(p ids.Process) ids.Incarnation {
	if i := n.founding.index(p); i >= 0 && n.founding.founded {
		return n.founding.list[i]
	}
	return 0
}

// replacement says whether this process took another's place, and has not its
// votes yet or not two checkpoints: then it is quick to take them.
func (n *Node) replacement() bool {
	f := n.founding
	if !f.started || f.generation(f.index(f.self)) == 0 {
		return false
	}
	if n.keeper.older.Manifest == nil {
		return true
	}
	for _, ms := range n.ridge.Members() {
		for i := range ms.List {
			if m := &ms.List[i]; m.Process == n.cfg.Self && !m.Voting {
				return true
			}
		}
	}
	return false
}

// Replace takes an operator's wish, and says what became of it.
func (n *Node) Replace(now hlc.Now, m *session.Replace) session.Replacing {
	n.now = now
	if !n.founding.started {
		return session.Replacing{Reason: n.founding.describe()}
	}
	done, err := n.ridge.Replace(n.now, m.Ensemble, ridge.Change{
		Version: m.Version, Process: m.Process, New: m.Incarnation, Addr: m.Addr,
	})
	a := session.Replacing{Done: done}
	if err != nil {
		a.Conflict, a.Reason = true, err.Error()
	}
	return a
}

// Waiting says that this process waits to replace the one before it.
func (n *Node) Waiting() bool { return n.founding.waiting && !n.founding.started }

// Moved is a process that is at another address than it was.
type Moved struct {
	Process ids.Process
	Addr    string
}

// Moved lists the processes whose replacements were given addresses, if there is
// anything new.
func (n *Node) Moved() (list []Moved) {
	version := n.ridge.Version()
	if version == n.moved {
		return nil
	}
	n.moved = version
	for _, p := range n.founding.members {
		if m := n.ridge.Member(p); m != nil && m.Addr != "" && p != n.cfg.Self {
			list = append(list, Moved{p, m.Addr})
		}
	}
	return slices.Clip(list)
}
