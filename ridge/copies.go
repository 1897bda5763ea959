package ridge

// copies is a heap: the first in optimistic order is at the front.
type copies []*held

func (q *copies) push(h *held) {
	h.index = len(*q)
	*q = append(*q, h)
	q.up(h.index)
}

// remove takes h out.
func (q *copies) remove(h *held) {
	i, end := h.index, len(*q)-1
	q.swap(i, end)
	(*q)[end] = nil
	*q = (*q)[:end]
	h.index = -1
	if i < end {
		q.down(i)
		q.up(i)
	}
}

func (q *copies) swap(i, j int) {
	a := *q
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i, j
}

func (q *copies) less(i, j int) bool {
	return (*q)[i].before(&(*q)[j].sealed)
}

func (q *copies) up(i int) {
	for i > 0 && q.less(i, (i-1)/2) {
		q.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (q *copies) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(*q) {
			return
		}
		if c+1 < len(*q) && q.less(c+1, c) {
			c++
		}
		if !q.less(c, i) {
			return
		}
		q.swap(i, c)
		i = c
	}
}
