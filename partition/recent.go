package partition

// recent keeps things in slots, each in one of a few lists in the order of last
// use. Slot 0 is never used: it stands for none. The order depends on nothing
// but the calls.
type recent[T any] struct {
	slots []recentSlot[T]
	free  []uint32
	lists []recentList
}

type recentSlot[T any] struct {
	what         T
	older, newer uint32
	list         int32
}

type recentList struct {
	oldest, newest uint32
	count          int
	bytes          int // as its owner counts
}

func newRecent[T any](lists int) recent[T] {
	return recent[T]{slots: make([]recentSlot[T], 1), lists: make([]recentList, lists)}
}

// add puts a thing into a list, as the one used last.
func (s *recent[T]) add(list int, what T) uint32 {
	i := pop(&s.free)
	if i == 0 {
		i = uint32(len(s.slots))
		s.slots = append(s.slots, recentSlot[T]{})
	}
	s.slots[i] = recentSlot[T]{what: what, list: int32(list)}
	s.lists[list].count++
	s.link(i)
	return i
}

// at is the thing in a slot; valid until the next add.
func (s *recent[T]) at(i uint32) *T { return &s.slots[i].what }

func (s *recent[T]) listOf(i uint32) *recentList { return &s.lists[s.slots[i].list] }

// touch says that a thing has been used.
func (s *recent[T]) touch(i uint32) {
	if s.listOf(i).newest != i {
		s.unlink(i)
		s.link(i)
	}
}

func (s *recent[T]) drop(i uint32) {
	s.unlink(i)
	s.listOf(i).count--
	s.slots[i] = recentSlot[T]{}
	s.free = append(s.free, i)
}

func (s *recent[T]) link(i uint32) {
	l := s.listOf(i)
	s.slots[i].older, s.slots[i].newer = l.newest, 0
	if l.newest != 0 {
		s.slots[l.newest].newer = i
	} else {
		l.oldest = i
	}
	l.newest = i
}

func (s *recent[T]) unlink(i uint32) {
	l, x := s.listOf(i), &s.slots[i]
	if x.older != 0 {
		s.slots[x.older].newer = x.newer
	} else {
		l.oldest = x.newer
	}
	if x.newer != 0 {
		s.slots[x.newer].older = x.older
	} else {
		l.newest = x.older
	}
}
