package partition

import (
	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// audience is what a replica believes others to hold of its variables: those
// that were shipped of late, by version, and to which partitions. It may be
// wrong, and lost at any time: who does not hold what it is believed to pulls.
// Only the version must be right, the one that the variable has now.
type audience struct {
	on       bool
	least    int // bytes of a value that is worth a name
	maxCount int
	maxBytes int
	entries  recent[heard]
}

// heard is one variable's entry, named by variable.heard.
type heard struct {
	v *variable
	// version of the value that was told last, and the partitions that it was
	// told to, this one included. Zero and nil: none that is still there.
	version Version
	seen    ids.Set
	// base is that value, in a collection with a Diff; elsewhere nil. stale: the
	// variable has another one by now.
	base  []byte
	stale bool
	// used: the version was told by its name. futile counts those in a row that
	// were not: such a variable changes too often, and each value must be told
	// once without a name (plain) before it gets one.
	used, plain bool
	futile      uint8
	bytes       int
}

// maxFutile names are given in vain to a variable's values.
const maxFutile = 4

// copyCost is what a copy takes besides name and value.
const copyCost = 160

func newAudience(t *Tuning, partitions int) audience {
	a := audience{on: t.caches() && partitions > 1, least: t.MinCached}
	if a.on {
		// Somewhat less than the others have room for: they must not forget
		// first.
		count, bytes := t.share(partitions)
		a.maxCount, a.maxBytes = count-count/8, bytes-bytes/8
		a.entries = newRecent[heard](1)
	}
	return a
}

// caches says whether values are kept at all.
func (t *Tuning) caches() bool { return t.MaxCached > 0 && t.MaxCachedBytes > 0 }

// share is what a replica keeps of the variables of one other partition.
func (t *Tuning) share(partitions int) (count, bytes int) {
	n := max(1, partitions-1)
	return max(1, t.MaxCached/n), t.MaxCachedBytes / n
}

// worthKeeping says whether copies of a value are kept where there are so many
// bytes for all.
func worthKeeping(name string, value []byte, least, maxBytes int) bool {
	return len(value) >= least && copyBytes(name, value) <= maxBytes/4
}

func copyBytes(name string, value []byte) int { return len(name) + len(value) + copyCost }

// told says how a value that is shipped is told to those that have not pulled.
type told struct {
	version Version // zero: as it is, and not to be kept
	same    bool    // by its name alone, or as a change
	change  *Change
}

// howToTell decides how the value of v, which is the one before the command of
// o, is told, and notes it.
func (r *Replica) howToTell(o *outgoing, k Key, v *variable) (t told) {
	a := &r.audience
	if !worthKeeping(v.name, v.value, a.least, a.maxBytes) {
		a.forget(v)
		return told{}
	}
	e := a.entry(v)
	c := &r.service.Collections[k.Collection]
	switch {
	case e.version.isZero() && e.futile >= maxFutile && !e.plain:
		e.plain = true
		return told{}
	case e.version.isZero():
		t.version = Version{o.Position, true}
	case e.stale:
		t.version = Version{o.Position, true}
		if e.seen.Covers(o.dests) {
			t.change = r.diff(c, e, v.value)
			t.same = t.change != nil
		}
		if t.same && len(o.dests) < len(e.seen) && len(t.change.Diff) < len(v.value)/smallChange {
			t.change.Keep = false
			r.counters.ToldSame++
			return t // the others' copies are good for further changes
		}
		e.seen = nil
	default:
		t.version, t.same = e.version, e.seen.Covers(o.dests)
	}
	if t.same {
		r.counters.ToldSame++
		e.used, e.futile = true, 0
	}
	if e.version = t.version; !e.seen.Covers(o.dests) {
		e.seen = e.seen.Union(o.dests)
		if len(e.seen) == len(o.dests) {
			e.seen = o.dests
		}
	}
	e.stale = false
	if e.base = nil; c.Diff != nil {
		e.base = v.value
	}
	a.account(v.heard)
	return t
}

// diff is the change from what was told to the present value, or nil if that
// is not much less than the value. What goes wrong in it is not the command's.
func (r *Replica) diff(c *Collection, e *heard, value []byte) (ch *Change) {
	defer func() {
		if recover() != nil {
			r.counters.OpPanics++
			ch = nil
		}
	}()
	d, ok := c.Diff(e.base, value)
	if !ok || len(d) > len(value)/2 {
		return nil
	}
	r.counters.ToldChange++
	return &Change{Base: e.version, Keep: true, Sum: xxhash.Sum64(value), Diff: d}
}

// A change of less than one in so many bytes does not end the use of the version
// that it is of, while others than those that are told hold that.
const smallChange = 8

// entry is v's, new if need be, as the one used last.
func (a *audience) entry(v *variable) *heard {
	if v.heard == 0 {
		v.heard = a.entries.add(0, heard{v: v})
	} else {
		a.entries.touch(v.heard)
	}
	return a.entries.at(v.heard)
}

// account counts an entry as what its value takes where it is kept, and forgets
// the oldest beyond the bound.
func (a *audience) account(i uint32) {
	e, l := a.entries.at(i), &a.entries.lists[0]
	l.bytes -= e.bytes
	e.bytes = copyBytes(e.v.name, e.v.value) + len(e.base)
	l.bytes += e.bytes
	for l.count > a.maxCount || l.bytes > a.maxBytes {
		a.forget(a.entries.at(l.oldest).v)
	}
}

func (a *audience) forget(v *variable) {
	if v.heard != 0 {
		a.entries.lists[0].bytes -= a.entries.at(v.heard).bytes
		a.entries.drop(v.heard)
		v.heard = 0
	}
}

// changed is told of every change of a variable that has an entry.
func (a *audience) changed(v *variable) {
	e := a.entries.at(v.heard)
	if e.base != nil {
		e.stale = true
		return
	}
	if !e.version.isZero() && !e.used && e.futile < maxFutile {
		e.futile++
	}
	e.version, e.seen, e.used, e.plain = Version{}, nil, false, false
}

// seen is who is believed to hold the present value of a variable, and would
// know the next one if a command of several destinations wrote it.
func (a *audience) seen(v *variable) ids.Set {
	if v == nil || v.heard == 0 {
		return nil
	}
	if e := a.entries.at(v.heard); e.base == nil {
		return e.seen
	}
	return nil
}

// wrote says that the command at p wrote the variable's present value, and that
// of those who held the last one, its destinations computed this one.
func (a *audience) wrote(v *variable, p ids.Position, seen, dests ids.Set) {
	if !worthKeeping(v.name, v.value, a.least, a.maxBytes) {
		a.forget(v)
		return
	}
	if !dests.Covers(seen) {
		var both ids.Set
		for _, q := range seen {
			if dests.Has(q) {
				both = append(both, q)
			}
		}
		seen = both
	}
	e := a.entries.at(v.heard)
	e.version, e.seen = Version{Position: p}, seen
	a.account(v.heard)
}
