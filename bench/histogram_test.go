package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Every bucket's middle lies in the bucket, buckets do not overlap, and the
// error stays below 1.6 %.
func TestBuckets(t *testing.T) {
	last := -1
	for ns := uint64(0); ns < 1<<20; ns++ {
		b := bucket(ns)
		if b < last || b > last+1 {
			t.Fatalf("bucket(%d) = %d after %d", ns, b, last)
		}
		last = b
		if m := middle(b); bucket(m) != b {
			t.Fatalf("middle of bucket %d is %d, of bucket %d", b, m, bucket(m))
		} else if off := max(m, ns) - min(m, ns); off > ns/60+1 {
			t.Fatalf("%d counts as %d", ns, m)
		}
	}
	if b := bucket(1<<64 - 1); b >= len(Histogram{}.counts) {
		t.Fatalf("the longest duration's bucket %d is outside", b)
	}
}

// The histogram against sorted samples.
func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	var all []time.Duration
	for range 20000 {
		d := time.Duration(r.ExpFloat64() * float64(time.Millisecond))
		h.Record(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[max(int(q*float64(len(all)))-1, 0)]
		if got := h.Quantile(q); max(got, want)-min(got, want) > want/50+1 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if h.Quantile(1) != h.Max() || h.Max() != all[len(all)-1] {
		t.Errorf("maximum %v, quantile 1 is %v, want %v", h.Max(), h.Quantile(1), all[len(all)-1])
	}
}

func TestHistogramEdges(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	h.Record(-time.Second)
	if h.Quantile(0.5) != 0 || h.Total() != 1 {
		t.Error("a negative duration is not counted as zero")
	}
	h.Reset()
	if h.Total() != 0 {
		t.Error("reset kept something")
	}
}
