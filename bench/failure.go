package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Failure is what one failure cost. Its fields are those of a line of JSON.
type Failure struct {
	Bench       string  `json:"bench"`
	Scenario    string  `json:"scenario"`
	Round       int     `json:"round"` // from 1
	Partitions  int     `json:"partitions"`
	Replicas    int     `json:"replicas"`
	SizeBytes   int     `json:"size_bytes"`
	Outstanding int     `json:"outstanding"`
	MultiShare  float64 `json:"multi_share"`
	TimeoutMS   float64 `json:"failure_timeout_ms"`
	// Before is the throughput before the fault, After that of the last
	// second. Slots is the throughput in slots of SlotMS; the fault came at
	// the start of slot Fault.
	Before float64 `json:"before_ops_per_s"`
	After  float64 `json:"after_ops_per_s"`
	SlotMS float64 `json:"slot_ms"`
	Slots  []int   `json:"slots"`
	Fault  int     `json:"fault_slot"`
	// Recovery is when throughput was back at 90 % for half a second, after
	// the fault; negative if never. Gap is the longest time without any
	// answer.
	RecoveryMS float64 `json:"recovery_ms"`
	GapMS      float64 `json:"longest_gap_ms"`
	Errors     uint64  `json:"errors"`
	Unanswered uint64  `json:"unanswered"`
	// The largest log of a process and ensemble, and the heap of all
	// processes and the client: the most before the fault and after it, and
	// at the end, without load and after a collection.
	LogBefore  int    `json:"log_bytes_before"`
	LogMost    int    `json:"log_bytes_most"`
	LogEnd     int    `json:"log_bytes_end"`
	HeapBefore uint64 `json:"heap_bytes_before"`
	HeapMost   uint64 `json:"heap_bytes_most"`
	HeapEnd    uint64 `json:"heap_bytes_end"`
	// Of a slow learner: how many commands it was behind when its slowness
	// ended, and at the end; Lost is why it stopped, if it did.
	LagSlow uint64 `json:"lag_slow"`
	LagEnd  uint64 `json:"lag_end"`
	Lost    string `json:"lost,omitempty"`
	// Others is the share of the machine that others used after the fault.
	Others float64 `json:"others"`
}

// settled is how long throughput must be back.
const settled = int(500 * time.Millisecond / slotTime)

func (f *Failure) memory(before, during, end footprint) {
	f.LogBefore, f.LogMost, f.LogEnd = before.log, during.log, end.log
	f.HeapBefore, f.HeapMost, f.HeapEnd = before.heap, during.heap, end.heap
}

// throughput sorts the answers, which came at the given times, into slots.
func (f *Failure) throughput(at []time.Duration, started, fault, end time.Duration) {
	slices.Sort(at)
	f.Fault = int((fault - started) / slotTime)
	started = fault - time.Duration(f.Fault)*slotTime
	f.Slots = make([]int, int((end-started)/slotTime))
	last := fault
	for _, t := range at {
		if t >= fault && t < end {
			f.GapMS = max(f.GapMS, float64(t-last)/1e6)
			last = t
		}
		if t >= started && int((t-started)/slotTime) < len(f.Slots) {
			f.Slots[(t-started)/slotTime]++
		}
	}
	f.GapMS = max(f.GapMS, float64(end-last)/1e6)
	perSecond := float64(time.Second / slotTime)
	f.Before = mean(f.Slots[:f.Fault]) * perSecond
	f.After = mean(f.Slots[max(f.Fault, len(f.Slots)-int(time.Second/slotTime)):]) * perSecond
	f.RecoveryMS = -1
	for i := f.Fault; i+settled <= len(f.Slots); i++ {
		if mean(f.Slots[i:i+settled])*perSecond >= 0.9*f.Before {
			f.RecoveryMS = float64(i-f.Fault) * f.SlotMS
			break
		}
	}
}

func mean(slots []int) float64 {
	sum := 0
	for _, n := range slots {
		sum += n
	}
	return float64(sum) / float64(max(1, len(slots)))
}

func (f *Failure) writeJSON(w io.Writer) error { return json.NewEncoder(w).Encode(f) }

// writeFailures writes a table for people: medians over the rounds, of memory
// and gaps the worst.
func writeFailures(w io.Writer, all []*Failure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "partitions\toutst.\tfault\tops/s before\tlast second\tback at 90 % after\tworst\tlongest gap\tlog before\tmost\tend\theap before\tmost\tend\tbehind\tend\terrors\tothers\t")
	for i, f := range all {
		if slices.ContainsFunc(all[:i], f.same) {
			continue
		}
		var g []*Failure
		for _, o := range all {
			if o.same(f) {
				g = append(g, o)
			}
		}
		mid := func(v func(*Failure) float64) float64 {
			var vs []float64
			for _, o := range g {
				vs = append(vs, v(o))
			}
			return median(vs)
		}
		worst := func(v func(*Failure) float64) float64 {
			m := v(g[0])
			for _, o := range g {
				m = max(m, v(o))
			}
			return m
		}
		back := func(o *Failure) float64 {
			if o.RecoveryMS < 0 {
				return 1e9
			}
			return o.RecoveryMS
		}
		mib := func(v float64) string { return fmt.Sprintf("%.1f MiB", v/(1<<20)) }
		fmt.Fprintf(t, "%d\t%d\t%s\t%s\t%s\t%s\t%s\t%.0f ms\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f %%\t\n",
			f.Partitions, f.Outstanding, f.Scenario,
			Digits(mid(func(o *Failure) float64 { return o.Before })), Digits(mid(func(o *Failure) float64 { return o.After })),
			millis(mid(back)), millis(worst(back)), worst(func(o *Failure) float64 { return o.GapMS }),
			mib(worst(func(o *Failure) float64 { return float64(o.LogBefore) })), mib(worst(func(o *Failure) float64 { return float64(o.LogMost) })), mib(worst(func(o *Failure) float64 { return float64(o.LogEnd) })),
			mib(worst(func(o *Failure) float64 { return float64(o.HeapBefore) })), mib(worst(func(o *Failure) float64 { return float64(o.HeapMost) })), mib(worst(func(o *Failure) float64 { return float64(o.HeapEnd) })),
			worst(func(o *Failure) float64 { return float64(o.LagSlow) }), worst(func(o *Failure) float64 { return float64(o.LagEnd) }),
			worst(func(o *Failure) float64 { return float64(o.Errors + o.Unanswered) }),
			100*mid(func(o *Failure) float64 { return o.Others }))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range all {
		if f.Lost != "" {
			fmt.Fprintf(w, "round %d, %d partitions, %s: the victim stopped: %s\n", f.Round, f.Partitions, f.Scenario, f.Lost)
		}
	}
	return nil
}

func (f *Failure) same(o *Failure) bool {
	return f.Scenario == o.Scenario && f.Partitions == o.Partitions && f.Outstanding == o.Outstanding
}

func millis(v float64) string {
	if v >= 1e9 {
		return "never"
	}
	return fmt.Sprintf("%.0f ms", v)
}
