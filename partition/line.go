package partition

import (
	"sort"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// line keeps things in the order of their positions. They come in at the end
// and go in any order; places of those gone are reclaimed by and by.
type line[T placed] struct {
	items []T
	head  int // items before it are gone
	near  int // where something was found last: mostly the next is looked for
	live  int
	// dropped, if not nil, is told of what has left the line for good.
	dropped func(T)
}

// placed is a thing with a position that may be gone.
type placed interface {
	comparable
	at() ids.Position
	gone() bool
}

func (l *line[T]) push(x T) {
	l.items = append(l.items, x)
	l.live++
}

// removed tells the line that n of its things have just become gone.
func (l *line[T]) removed(n int) {
	var none T
	l.live -= n
	for l.head < len(l.items) && l.items[l.head].gone() {
		if l.dropped != nil {
			l.dropped(l.items[l.head])
		}
		l.items[l.head] = none
		l.head++
	}
	if dead := len(l.items) - l.live; dead < 32 || dead < l.live {
		return
	}
	kept := l.items[:0]
	for _, x := range l.items[l.head:] {
		if !x.gone() {
			kept = append(kept, x)
		} else if l.dropped != nil {
			l.dropped(x)
		}
	}
	clear(l.items[len(kept):])
	l.items, l.head = kept, 0
}

// all are the things in order; some may be gone.
func (l *line[T]) all() []T { return l.items[l.head:] }

// find returns the thing at a position, or the zero T.
func (l *line[T]) find(p ids.Position) (x T) {
	for i := max(l.near, l.head); i < min(l.near+2, len(l.items)); i++ {
		if l.items[i].at() == p {
			return l.found(i)
		}
	}
	all := l.all()
	i := sort.Search(len(all), func(i int) bool { return !all[i].at().Less(p) })
	if i < len(all) && all[i].at() == p {
		return l.found(l.head + i)
	}
	return x
}

func (l *line[T]) found(i int) (x T) {
	if l.near = i; !l.items[i].gone() {
		x = l.items[i]
	}
	return x
}
