package partition

import (
	"slices"
	"sort"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// incoming is what the other destinations of a command have said about it.
type incoming struct {
	peers []peer // one per other destination, ascending
	room  []peer // memory for them, all zero but for the memory of vars
	// missing counts the peers that have not signalled. Invariant: the
	// command ends with a reply to its client only when it is zero.
	missing int
	bytes   int
}

// peer is one other destination.
type peer struct {
	partition ids.Partition
	signalled bool
	vars      []Var
	byKey     map[Key]int32 // index of vars, if they are many
	parts     []Part
	bytes     int
	// gone are its replicas that have dropped their entry, the first of them known
	// since goneSince.
	gone      []ids.Process
	goneSince time.Duration
	// digest of its write set, if it has told (Config.Checks).
	digest   uint64
	digested bool
}

// open is for a command that is where it stays.
func (in *incoming) open(dests ids.Set, self ids.Partition) {
	if n := len(dests) - 1; cap(in.room) < n {
		in.room = make([]peer, n)
	}
	in.peers = in.room[:0]
	for _, q := range dests {
		if q != self {
			in.peers = in.peers[:len(in.peers)+1]
			in.peers[len(in.peers)-1].partition = q
		}
	}
	in.missing = len(in.peers)
}

// cleared is what has nothing but memory that may be used again.
func (in *incoming) cleared() incoming {
	if len(in.peers) > maxSpares {
		return incoming{}
	}
	for i := range in.peers {
		p := &in.peers[i]
		vars := p.vars
		clear(vars)
		if *p = (peer{}); cap(vars) <= smallAccess {
			p.vars = vars[:0]
		}
	}
	return incoming{room: in.room}
}

// peer finds a destination; it must be one.
func (in *incoming) peer(q ids.Partition) *peer {
	for i := range in.peers {
		if in.peers[i].partition == q {
			return &in.peers[i]
		}
	}
	return nil
}

// value is k's value before the command; here is false if it has not come.
func (p *peer) value(s *Service, k Key) (v []byte, ok, here bool) {
	if x := p.find(k); x != nil {
		return x.Value, x.OK, true
	}
	return findInParts(s, p.parts, k)
}

// find is what has come of k by itself, or nil.
func (p *peer) find(k Key) *Var {
	if p.byKey != nil {
		if i, ok := p.byKey[k]; ok {
			return &p.vars[i]
		}
		return nil
	}
	for i := range p.vars {
		if p.vars[i].Key == k {
			return &p.vars[i]
		}
	}
	return nil
}

func (p *peer) add(v Var) {
	p.vars = append(p.vars, v)
	switch n := len(p.vars); {
	case p.byKey != nil:
		p.byKey[v.Key] = int32(n - 1)
	case n > smallAccess:
		p.byKey = make(map[Key]int32, 4*n)
		for i := range p.vars {
			p.byKey[p.vars[i].Key] = int32(i)
		}
	}
}

// findInParts looks for k in parts of ranges: one that is not in them, and not
// behind a cut, does not exist.
func findInParts(s *Service, parts []Part, k Key) (v []byte, ok, here bool) {
	for i := range parts {
		p := &parts[i]
		if !s.inRange(k, &p.Range) || p.Cut && p.Items[len(p.Items)-1].Name < k.Name {
			continue
		}
		j := p.from(k.Name)
		if j < len(p.Items) && p.Items[j].Name == k.Name {
			return p.Items[j].Value, true, true
		}
		return nil, false, true
	}
	return nil, false, false
}

// findPart looks for the beginning of the range g among parts. cut says that
// more follows; then there is at least one item.
//
// Any part that has the first item of g will do, whatever its bounds: replicas
// of a partition may cut a range at different places, and who has got some
// parts from one and some from another must not miss what one of them lacks.
func findPart(s *Service, parts []Part, g *Range) (items []PartItem, cut, here bool) {
	for i := range parts {
		p := &parts[i]
		if !p.Range.covers(*g) {
			continue
		}
		items, cut = p.Items[p.from(g.Lo):], p.Cut
		if g.Hi != "" {
			if n := sort.Search(len(items), func(j int) bool { return items[j].Name >= g.Hi }); n < len(items) {
				items, cut = items[:n], false
			}
		}
		if g.At != nil && p.Range.At == nil {
			c := &s.Collections[g.Collection]
			items = slices.DeleteFunc(slices.Clone(items), func(it PartItem) bool { return c.place(it.Name) != *g.At })
		}
		if !cut || len(items) > 0 {
			return items, cut, true
		}
	}
	return nil, false, false
}

// from is the index of the first item not below name.
func (p *Part) from(name string) int {
	return sort.Search(len(p.Items), func(i int) bool { return p.Items[i].Name >= name })
}

// shorter says whether p was cut before another part of its range.
func (p *Part) shorter(than *Part) bool {
	return p.Cut && (!than.Cut || len(p.Items) < len(than.Items))
}

func (p *Part) bytes() int {
	n := 32 + len(p.Range.Lo) + len(p.Range.Hi)
	for i := range p.Items {
		n += len(p.Items[i].Name) + len(p.Items[i].Value) + 40
	}
	return n
}

func (v *Var) bytes() int { return len(v.Key.Name) + len(v.Value) + 40 }

// Size is what an exchange message costs to keep.
func (m *Exchange) Size() int {
	n := 100
	for i := range m.Vars {
		n += m.Vars[i].bytes()
	}
	for i := range m.Parts {
		n += m.Parts[i].bytes()
	}
	for i := range m.Same {
		n += m.Same[i].bytes()
	}
	return n + 24*len(m.Names)
}

// absorb takes in what a peer said. Values come more than once (a pull, a
// change of the sender); the first counts, and the others are equal.
func (r *Replica) absorb(c *command, q ids.Partition, m *Exchange) {
	p := c.in.peer(q)
	if p == nil || !m.ordered() || !m.dated() {
		r.counters.Invalid++
		return
	}
	c.changed = true
	if m.Signal {
		r.signalled(c, q)
	}
	if cap(p.vars) == 0 && len(m.Vars) > 0 {
		p.vars = make([]Var, 0, len(m.Vars))
	}
	for i, v := range m.Vars {
		r.absorbVar(c, p, v)
		if len(m.Names) > 0 {
			r.keepNamed(p, &v, m.Names[i])
		}
	}
	for i := range m.Parts {
		r.absorbPart(c, p, &m.Parts[i])
	}
	if len(m.Same) > 0 {
		r.absorbSame(c, p, m)
	}
	if len(c.hopes) > 0 {
		r.fulfil(c, false)
	}
}

func (r *Replica) absorbVar(c *command, p *peer, v Var) {
	if int(v.Key.Collection) >= len(r.service.Collections) {
		r.counters.Invalid++
		return
	}
	if old := p.find(v.Key); old != nil {
		if r.config.Checks && (old.OK != v.OK || string(old.Value) != string(v.Value)) {
			r.stop("two values of a variable of partition %d for %v at %v", p.partition, c.Command, c.Position)
		}
		return
	}
	owners := r.config.Placement.Owners(v.Key)
	if !owners.Has(p.partition) || owners.Has(r.config.Partition) || !r.roomFor(c, p, v.bytes()) {
		r.counters.Invalid++
		return
	}
	c.changed = true // also where it is an earlier command that brings it
	c.tx.heard(p.partition)
	p.add(v)
}

func (r *Replica) absorbPart(c *command, p *peer, part *Part) {
	if int(part.Range.Collection) >= len(r.service.Collections) {
		r.counters.Invalid++
		return
	}
	at := slices.IndexFunc(p.parts, func(old Part) bool { return old.Range.equal(part.Range) })
	if at >= 0 && !p.parts[at].shorter(part) {
		return
	}
	if !r.roomFor(c, p, part.bytes()) {
		r.counters.Invalid++
		return
	}
	c.tx.heard(p.partition)
	if at >= 0 {
		p.parts[at] = *part
		return
	}
	p.parts = append(p.parts, *part)
}

// roomFor accounts for what is kept. A started command must get what it waits
// for; the bound per peer is beyond what its budget lets it ask for.
func (r *Replica) roomFor(c *command, p *peer, bytes int) bool {
	if p.bytes+bytes > 16*r.tuning.MaxBytes+1<<20 {
		return false
	}
	p.bytes += bytes
	c.in.bytes += bytes
	r.heldBytes += bytes
	return true
}
