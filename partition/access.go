package partition

// spans says whether a name is between the bounds, wherever it is placed.
func (g Range) spans(name string) bool {
	return g.Lo <= name && (g.Hi == "" || name < g.Hi)
}

// equal says whether g and h are written alike.
func (g Range) equal(h Range) bool {
	return g.Collection == h.Collection && g.Lo == h.Lo && g.Hi == h.Hi && sameAt(g.At, h.At)
}

// covers says whether every variable of h is in g, by their bounds.
func (g Range) covers(h Range) bool {
	return g.Collection == h.Collection && g.Lo <= h.Lo &&
		(g.Hi == "" || h.Hi != "" && h.Hi <= g.Hi) &&
		(g.At == nil || sameAt(g.At, h.At))
}

// meets says whether a variable could be in both.
func (g Range) meets(h Range) bool {
	return g.Collection == h.Collection &&
		(g.Hi == "" || h.Lo < g.Hi) && (h.Hi == "" || g.Lo < h.Hi) &&
		(g.At == nil || h.At == nil || *g.At == *h.At)
}

func sameAt(a, b *string) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// place is a variable's placement key.
func (c *Collection) place(name string) string {
	if c.Place == nil {
		return name
	}
	return c.Place(name)
}

// inRange says whether k is one of g's variables.
func (s *Service) inRange(k Key, g *Range) bool {
	return k.Collection == g.Collection && g.spans(k.Name) &&
		(g.At == nil || s.Collections[k.Collection].place(k.Name) == *g.At)
}

// valid says whether every item names a collection, and an operation, of the
// service.
func (a *Access) valid(s *Service) bool {
	for i := range a.Items {
		it := &a.Items[i]
		if int(it.collection()) >= len(s.Collections) {
			return false
		}
		if it.Blind && (!it.Write || it.Range != nil || int(it.Op) >= len(s.Operations)) {
			return false
		}
	}
	return true
}

// Writes says whether any item is a write.
func (a *Access) Writes() bool {
	if a.Elsewhere > 0 {
		return true
	}
	for i := range a.Items {
		if a.Items[i].Write {
			return true
		}
	}
	return false
}

func (it *Item) collection() uint16 {
	if it.Range != nil {
		return it.Range.Collection
	}
	return it.Key.Collection
}

// Mode is what an item does to its variables: it reads or writes them, or
// updates one by an operation that commutes. Items of one variable conflict
// unless they have the same mode, which is not ModeWrite.
type Mode int32

// The modes.
const (
	ModeWrite Mode = iota
	ModeRead
	ModeUpdate // by operation 0; the others follow
)

func (s *Service) mode(it *Item) Mode {
	switch {
	case !it.Write:
		return ModeRead
	case it.Blind && s.Operations[it.Op].Commutes:
		return ModeUpdate + Mode(it.Op)
	}
	return ModeWrite
}

// Agrees says whether commands that do so to one variable may come in any order.
func (m Mode) Agrees(with Mode) bool { return m == with && m != ModeWrite }

// conflict says whether it matters in which order two items are touched: one of
// them writes what the other touches, and they are not the same operation,
// which commutes.
func (s *Service) conflict(a, b *Item) bool {
	if s.mode(a).Agrees(s.mode(b)) {
		return false
	}
	switch {
	case a.Range == nil && b.Range == nil:
		return a.Key == b.Key
	case a.Range == nil:
		return s.inRange(a.Key, b.Range)
	case b.Range == nil:
		return s.inRange(b.Key, a.Range)
	}
	return a.Range.meets(*b.Range)
}
