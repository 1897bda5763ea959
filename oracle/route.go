package oracle

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// Route is where a command goes: all partitions that hold something it
// writes, and of what it only reads at least one that holds it [E5]. It is a
// function of its arguments and the map, and never empty. The caller must not
// change it.
//
// If the access is a hint (not Exact), the guess and the Guesser's are added:
// they may save the retry that finds out the rest. An access that leaves the
// choice open gets a partition that is in the set anyway, else one guessed,
// else the one where the first item's name hashes to, so that reads of what
// is everywhere spread.
func (m *Map) Route(access partition.Access, guess ids.Set) ids.Set {
	var r route
	for i := range access.Items {
		m.need(&r, &access.Items[i])
	}
	if guess != nil {
		guess = m.existing(guess)
	}
	if !access.Exact {
		r.add(guess)
		if m.guess != nil {
			r.add(m.existing(m.guess(access)))
		}
	}
	dests := r.set()
	switch {
	case len(dests) > 0: // and everything open is held there too
		return dests
	case len(guess) > 0:
		return m.single[guess[0]]
	case r.open != nil && r.open.Range != nil:
		return m.at(r.open.Range.Lo)
	case r.open != nil:
		return m.at(r.open.Key.Name)
	}
	return m.single[0]
}

// route collects destinations. What is read and everywhere can be read at any
// of them; open is the first such item.
type route struct {
	one   ids.Set // the map's, while there is no other
	dests ids.Set
	open  *partition.Item
}

func (m *Map) need(r *route, it *partition.Item) {
	var owners ids.Set
	var everywhere bool
	if it.Range != nil {
		owners, everywhere = m.RangeOwners(*it.Range)
	} else {
		owners = m.Owners(it.Key)
		everywhere = m.collection(it.Key.Collection).Everywhere
	}
	if everywhere && !it.Write {
		if r.open == nil {
			r.open = it
		}
		return
	}
	r.add(owners)
}

// add collects; set sorts once, so that a command of many items costs
// n log n.
func (r *route) add(s ids.Set) {
	switch {
	case len(s) == 0 || len(r.one) == len(s) && &r.one[0] == &s[0]:
		return
	case r.one == nil:
		r.one = s
		return
	case r.dests == nil:
		r.dests = append(make(ids.Set, 0, len(r.one)+len(s)), r.one...)
	}
	r.dests = append(r.dests, s...)
}

func (r *route) set() ids.Set {
	if r.dests == nil {
		return r.one
	}
	slices.Sort(r.dests)
	return slices.Compact(r.dests)
}

// existing drops partitions that do not exist, and puts the rest in order: a
// guess comes from a user.
func (m *Map) existing(s ids.Set) ids.Set {
	var out ids.Set
	for _, p := range s {
		if int(p) < len(m.all) {
			out = append(out, p)
		}
	}
	return ids.NewSet(out...)
}
