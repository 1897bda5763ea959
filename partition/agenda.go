package partition

// agenda is a heap of things due, least key first.
type agenda[T any] struct{ items []due[T] }

type due[T any] struct {
	at   int64
	what T
}

// next is the least key; ok is false if there is none.
func (a *agenda[T]) next() (at int64, ok bool) {
	if len(a.items) == 0 {
		return 0, false
	}
	return a.items[0].at, true
}

func (a *agenda[T]) push(at int64, what T) {
	a.items = append(a.items, due[T]{at, what})
	for i := len(a.items) - 1; i > 0; {
		up := (i - 1) / 2
		if a.items[up].at <= a.items[i].at {
			break
		}
		a.items[up], a.items[i] = a.items[i], a.items[up]
		i = up
	}
}

// pop removes the least; there must be one.
func (a *agenda[T]) pop() (what T) {
	what = a.items[0].what
	last := len(a.items) - 1
	a.items[0] = a.items[last]
	a.items[last] = due[T]{}
	a.items = a.items[:last]
	for i := 0; ; {
		least := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < last && a.items[c].at < a.items[least].at {
				least = c
			}
		}
		if least == i {
			return what
		}
		a.items[i], a.items[least] = a.items[least], a.items[i]
		i = least
	}
}
