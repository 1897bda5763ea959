package sim

import "time"

type eventKind uint8

const (
	evMessage eventKind = iota // arg is a place in msgs
	evTick                     // arg is an endpoint
	evRun                      // arg is an endpoint whose inbox waits
	evCall                     // arg is a place in calls
)

type event struct {
	at   time.Duration
	seq  uint64
	arg  int32
	kind eventKind
}

// heap is a four-ary min-heap by (at, seq): seq numbers pushes, so events of
// one instant happen in the order in which they were planned.
type heap struct {
	a   []event
	seq uint64
}

func (e *event) less(f *event) bool {
	return e.at < f.at || e.at == f.at && e.seq < f.seq
}

func (h *heap) push(e event) {
	h.seq++
	e.seq = h.seq
	h.a = append(h.a, e)
	i := len(h.a) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.less(&h.a[up]) {
			break
		}
		h.a[i] = h.a[up]
		i = up
	}
	h.a[i] = e
}

func (h *heap) pop() event {
	top := h.a[0]
	n := len(h.a) - 1
	e := h.a[n]
	h.a = h.a[:n]
	if n == 0 {
		return top
	}
	i := 0
	for {
		c := 4*i + 1
		if c >= n {
			break
		}
		best := c
		for k := c + 1; k < min(c+4, n); k++ {
			if h.a[k].less(&h.a[best]) {
				best = k
			}
		}
		if !h.a[best].less(&e) {
			break
		}
		h.a[i] = h.a[best]
		i = best
	}
	h.a[i] = e
	return top
}
