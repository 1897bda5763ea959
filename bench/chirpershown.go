package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// shown is one thing that the bench is to show, where it was measured.
type shown struct {
	what, where string
	value       float64
	text        string // of the value
	want        float64
	atMost      bool // else: at least
}

func (s shown) holds() bool {
	if s.atMost {
		return s.value <= s.want
	}
	return s.value >= s.want
}

// WriteShown writes for people what the figures say of what optimistic replies,
// and Chirper beside Retwis, are to achieve.
func WriteShown(w io.Writer, sums []Summary) error {
	fmt.Fprint(w, "what is to be shown:\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\twhere\tmeasured\twanted\t")
	for _, x := range whatIsShown(sums) {
		bound, verdict := "at least", "holds"
		if x.atMost {
			bound = "at most"
		}
		if !x.holds() {
			verdict = "DOES NOT HOLD"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s %.2f\t%s\n", x.what, x.where, x.text, bound, x.want, verdict)
	}
	return t.Flush()
}

func whatIsShown(sums []Summary) (all []shown) {
	for _, s := range sums {
		all = append(all, ofRetwis(sums, s)...)
		all = append(all, ofPartitions(sums, s)...)
		all = append(all, ofReplies(sums, s)...)
	}
	return all
}

// wanted throughput, as multiples of that of pipelined Retwis.
const wantedTimelines, wantedMix = 5, 3

// ofRetwis compares one partition with Retwis. Timelines count as they are
// read by default, which is linearizable too.
func ofRetwis(sums []Summary, s Summary) []shown {
	r, ok := amid(sums, s, retwisPipelined, ordered(s.Command), 1, 1)
	if !ok || s.System != "chirper" || s.Load != 1 || s.Partitions != 1 || s.Command == Post {
		return nil
	}
	want := float64(wantedMix)
	if ordered(s.Command) == Timeline {
		want = wantedTimelines
	}
	v := s.OpsPerS / r.OpsPerS
	return []shown{{"throughput : pipelined Retwis", s.where(), v, fmt.Sprintf("%.2f", v), want, false}}
}

// ofPartitions compares eight partitions with one.
func ofPartitions(sums []Summary, s Summary) []shown {
	one, ok := onePartition(sums, s)
	if !ok || s.Load != 1 || s.Partitions != 8 {
		return nil
	}
	switch s.Command {
	case Post:
		v := s.OpsPerS / one.OpsPerS
		return []shown{{"throughput : one partition's", s.where(), v, fmt.Sprintf("%.2f (%s/s)", v, Digits(s.OpsPerS)), 0.3, false}}
	case Timeline, TimelineRead:
		v := s.CPU / one.CPU
		return []shown{{"CPU per command : one partition's", s.where(), v, fmt.Sprintf("%.2f (%.1f us)", v, 1000*s.CPU), 1.15, true}}
	}
	return nil
}

// ofReplies is about optimistic replies, and what making them costs.
func ofReplies(sums []Summary, s Summary) (all []shown) {
	o := s.Optimistic
	if o == nil || s.P50 == 0 {
		return nil
	}
	if want := wantedLess(s); want > 0 {
		v := 100 * (1 - o.P50/s.P50)
		all = append(all, shown{"optimistic p50 less than conservative, %", s.where(), v, fmt.Sprintf("%.1f", v), want, false})
	}
	share := func(what string, part, whole uint64, want float64) {
		v := 100 * float64(part) / float64(max(whole, 1))
		all = append(all, shown{what, s.where(), v, fmt.Sprintf("%.3f (%d of %d)", v, part, whole), want, true})
	}
	share("order mistakes, %", o.Mistakes, o.Ahead(), 3)
	if s.Command == Timeline {
		share("wrong optimistic replies, %", o.ReplyMistakes, o.Replies, 0)
	}
	if off, ok := amid(sums, s, "chirper "+ourSMR, s.Command, s.Partitions, s.Load); ok && s.Load < 1 {
		cpu, p50 := s.CPU/off.CPU, s.P50/off.P50
		all = append(all, shown{"CPU per command : S-SMR's", s.where(), cpu, fmt.Sprintf("%.2f (%.1f us)", cpu, 1000*s.CPU), 1.25, true},
			shown{"conservative p50 : S-SMR's", s.where(), p50, fmt.Sprintf("%.2f", p50), 1.15, true})
	}
	return all
}

// wantedLess is by how many percent optimistic replies are to be sooner: with a
// delay, below full load; without one, sooner at all.
func wantedLess(s Summary) float64 {
	switch {
	case s.Load == 1:
		return 0
	case s.DelayUS == 0:
		return 0.01
	case s.Command == Timeline && s.Partitions == 1:
		return 25
	case s.Command == Timeline:
		return 30
	case s.Command == Mix && s.Partitions == 2:
		return 20
	}
	return 0
}

// where is the case and the system, for people.
func (s Summary) where() string {
	delay := ""
	if s.DelayUS > 0 {
		delay = fmt.Sprintf(", delay %s", micros(s.DelayUS))
	}
	return fmt.Sprintf("%s, %d partitions%s, load %.0f %%, %s", s.Command, s.Partitions, delay, 100*s.Load, s.name())
}
