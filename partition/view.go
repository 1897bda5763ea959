package partition

import (
	"slices"
	"strings"
)

// view is scan as the run of that order sees the range, with at least one item
// if there is one; more may follow. It costs a pass over the overlay if that has
// something of the collection.
func (s *state) view(c *Collection, g *Range, n int, order uint64) (items []PartItem, more bool) {
	over := s.over.within(c, g, order)
	for rest := *g; ; {
		items = s.scan(c, &rest, n, nil)
		if more = len(items) == n; more {
			rest.Lo = items[n-1].Name + "\x00"
		}
		here := over
		if more {
			i, _ := slices.BinarySearchFunc(over, rest.Lo, func(x laid, lo string) int { return strings.Compare(x.name, lo) })
			here, over = over[:i], over[i:]
		}
		if len(here) > 0 {
			items = merge(items, here)
		}
		if !more || len(items) > 0 {
			return items, more
		}
	}
}

// laid is a layer by its variable's name.
type laid struct {
	name string
	l    *layer
}

// within lists the top layers in a range by name.
func (o *overlay) within(c *Collection, g *Range, order uint64) (over []laid) {
	if o.counts[g.Collection] == 0 {
		return nil
	}
	for i := range o.stacks {
		k := &o.stacks[i].key
		if o.stacks[i].last == nil || k.Collection != g.Collection || !g.spans(k.Name) || g.At != nil && c.place(k.Name) != *g.At {
			continue
		}
		if l := o.top(uint32(i), order); l != nil {
			over = append(over, laid{k.Name, l})
		}
	}
	slices.SortFunc(over, func(a, b laid) int { return strings.Compare(a.name, b.name) })
	return over
}

// merge puts layers over items.
func merge(items []PartItem, over []laid) []PartItem {
	out := make([]PartItem, 0, len(items)+len(over))
	for len(items) > 0 || len(over) > 0 {
		switch {
		case len(over) == 0 || len(items) > 0 && items[0].Name < over[0].name:
			out, items = append(out, items[0]), items[1:]
			continue
		case len(items) > 0 && items[0].Name == over[0].name:
			items = items[1:]
		}
		if l := over[0].l; l.ok {
			out = append(out, PartItem{over[0].name, l.value})
		}
		over = over[1:]
	}
	return out
}
