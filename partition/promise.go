package partition

import "fmt"

// allows says whether an item of a variable lets a command use it so. What may
// be written may be read, but not what is only updated.
func (it *Item) allows(u use) bool {
	switch {
	case !it.Blind:
		return it.Write || u.mode == ModeRead
	case u.mode == ModeUpdate:
		return it.Op == u.op
	}
	return false
}

// use is what a command is about to do to a variable: read it, write it, or
// update it by an operation.
type use struct {
	mode Mode // ModeRead, ModeWrite or ModeUpdate
	op   uint16
}

// undeclared says what a command's code did to a variable, beyond its access.
func (s *Service) undeclared(k Key, u use) error {
	does := "reads"
	switch {
	case u.mode == ModeWrite:
		does = "writes"
	case u.mode == ModeUpdate && int(u.op) < len(s.Operations):
		does = fmt.Sprintf("updates, by %q,", s.Operations[u.op].Name)
	case u.mode == ModeUpdate:
		does = "updates"
	}
	return fmt.Errorf("%w: the code %s %q of %q", ErrAccess, does, k.Name[:min(len(k.Name), shownName)], s.Collections[k.Collection].Name)
}

func (s *Service) undeclaredRange(g Range) error {
	return fmt.Errorf("%w: the code walks a range of %q", ErrAccess, s.Collections[g.Collection].Name)
}

// shownName is how much of a name is shown.
const shownName = 64

// smallAccess is how many items are searched one by one; beyond it an index
// is built.
const smallAccess = 12

// FewOthers is how many items, besides those that are only updated, an access may
// have of which some are left out.
const FewOthers = smallAccess / 3

// promise answers whether an exact access allows something.
type promise struct {
	items []Item
	index keyIndex // of items that are variables, if they are many
	// ranges: there are items of ranges among many.
	ranges bool
	// next is the item after the one found last: mostly a command's code touches
	// variables in the order in which its access names them.
	next int
}

// set is for an access; slots is memory for the index, which is made when it is
// needed.
func (p *promise) set(items []Item) { *p = promise{items: items, index: p.index.cleared()} }

// allowsKey says whether one of the items allows a use of k, and returns the place
// of that item if it is the variable's own, else -1.
func (p *promise) allowsKey(s *Service, k Key, u use) (own int, ok bool) {
	if p.next < len(p.items) {
		if it := &p.items[p.next]; it.Range == nil && it.Key == k && it.allows(u) {
			p.next++
			return p.next - 1, true
		}
	}
	if len(p.items) <= smallAccess {
		return p.search(s, k, u, 0)
	}
	if p.index.empty() {
		p.build()
	}
	for at, i := p.index.first(k); i >= 0; at, i = p.index.after(at) {
		if it := &p.items[i]; it.Key == k && it.allows(u) {
			p.next = i + 1
			return i, true
		}
	}
	if p.ranges {
		return p.search(s, k, u, 0)
	}
	return -1, false
}

func (p *promise) search(s *Service, k Key, u use, from int) (own int, ok bool) {
	for i := from; i < len(p.items); i++ {
		it := &p.items[i]
		if it.Range == nil && it.Key == k && it.allows(u) {
			p.next = i + 1
			return i, true
		}
		if it.Range != nil && it.allows(u) && s.inRange(k, it.Range) {
			return -1, true
		}
	}
	return -1, false
}

func (p *promise) build() {
	p.index.reset(len(p.items))
	for i := range p.items {
		if it := &p.items[i]; it.Range == nil {
			p.index.add(it.Key, i)
		} else {
			p.ranges = true
		}
	}
}

// allowsRange: a range is allowed if one declared range contains it.
func (p *promise) allowsRange(g Range) bool {
	for i := range p.items {
		if h := p.items[i].Range; h != nil && h.covers(g) {
			return true
		}
	}
	return false
}
