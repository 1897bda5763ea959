package bench

import (
	"math/bits"
	"time"
)

// Histogram counts durations in log-linear buckets: each power of two is cut
// into 64, so a quantile is off by at most 1.6 %. The zero value is ready. It
// is not safe for concurrent use.
type Histogram struct {
	counts [64 * (1 << subBits)]uint64
	total  uint64
	sum    time.Duration
	max    time.Duration
}

const subBits = 6

// bucket maps nanoseconds to a bucket: those below 2^(subBits+1) to
// themselves, all others by exponent and the subBits bits below the top one.
func bucket(ns uint64) int {
	shift := max(bits.Len64(ns)-subBits-1, 0)
	return shift<<subBits + int(ns>>shift)
}

// middle is the middle of a bucket, in nanoseconds.
func middle(b int) uint64 {
	if b < 2<<subBits {
		return uint64(b)
	}
	shift := b>>subBits - 1
	return uint64(b&(1<<subBits-1)|1<<subBits)<<shift + 1<<shift/2
}

// Record counts d. Negative durations count as zero.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))]++
	h.total++
	h.sum += d
	h.max = max(h.max, d)
}

// add counts what o has counted.
func (h *Histogram) add(o *Histogram) {
	for b, n := range o.counts {
		h.counts[b] += n
	}
	h.total += o.total
	h.sum += o.sum
	h.max = max(h.max, o.max)
}

// Total is the number of durations recorded.
func (h *Histogram) Total() uint64 { return h.total }

// Mean is the average of the durations recorded, or zero if there are none.
func (h *Histogram) Mean() time.Duration { return h.sum / time.Duration(max(h.total, 1)) }

// Max is the longest duration recorded, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile is the duration that a share q (0 to 1) of those recorded does not
// exceed, or zero if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := uint64(q * float64(h.total))
	if rank = max(rank, 1); rank >= h.total {
		return h.max
	}
	var seen uint64
	for b, n := range h.counts {
		if seen += n; seen >= rank {
			return min(time.Duration(middle(b)), h.max)
		}
	}
	return h.max
}

// wireHistogram is a Histogram between processes.
type wireHistogram struct {
	Counts   map[int]uint64 // of buckets that are not empty
	Total    uint64
	Sum, Max time.Duration
}

func newWireHistogram(h *Histogram) wireHistogram {
	w := wireHistogram{Counts: map[int]uint64{}, Total: h.total, Sum: h.sum, Max: h.max}
	for b, n := range h.counts {
		if n > 0 {
			w.Counts[b] = n
		}
	}
	return w
}

// addTo counts in h what w has counted.
func (w *wireHistogram) addTo(h *Histogram) {
	for b, n := range w.Counts {
		if b >= 0 && b < len(h.counts) {
			h.counts[b] += n
		}
	}
	h.total += w.Total
	h.sum += w.Sum
	h.max = max(h.max, w.Max)
}

// Reset forgets everything.
func (h *Histogram) Reset() { *h = Histogram{} }
