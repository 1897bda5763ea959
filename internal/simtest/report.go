package simtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/sim"
)

func newRand(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// Report is what one run did.
type Report struct {
	Seed  uint64
	Shape string
	Hash  uint64 // of the whole trace

	Commands int // submitted
	Answered int
	Failed   int // of them with an error
	Unknown  int // given up after H
	Multi    int // took effect at several partitions
	Effects  int // took effect, or failed for good
	Reads    int // answered without having been ordered
	// Abandoned: their clients crashed before an answer came. Such a client
	// sends nothing again, so whether they took effect says nothing of how the
	// cluster does. Kept are the effects and reads of all others.
	Abandoned, Kept int
	// Thin: fewer than half of the commands that were not abandoned took
	// effect, since H is short and the faults were many. The suite bounds how
	// many runs may be so.
	Thin      bool
	Sampled   int // checked by porcupine too
	Undecided int // groups that porcupine could not decide in time
	// Lost: a partition lost its quorum to replicas that fell behind; from
	// then on only safety was checked.
	Lost     bool
	Durable  bool // processes had disks
	Virtual  float64
	Events   uint64
	Messages uint64
	// Faults and Slow count, by name, the faults done and the slow paths
	// taken.
	Faults, Slow map[string]uint64
}

func (c *cluster) report() Report {
	r := Report{Shape: c.shape.String(), Hash: c.world.Hash(), Virtual: c.world.Now().Seconds(),
		Events: c.world.Counts.Events, Messages: c.world.Counts.Sent,
		Commands: len(c.history.Ops), Faults: map[string]uint64{}, Slow: map[string]uint64{}}
	for i := range c.history.Ops {
		op := &c.history.Ops[i]
		switch {
		case op.Unknown:
			r.Unknown++
			if op.Refused {
				r.slow("refused for good", 1)
			}
		case op.Returned != 0:
			r.Answered++
			if op.Failed {
				r.Failed++
			}
			if op.Read {
				r.Reads++
			}
		}
	}
	return r
}

// tally counts what took effect, and whose it was.
func (r *Report) tally(h *History, o *Order) {
	for i := range h.Ops {
		if h.Ops[i].Abandoned {
			r.Abandoned++
		}
	}
	r.Effects, r.Kept = len(o.Effects), r.Reads
	for i := range o.Effects {
		e := &o.Effects[i]
		if len(e.Dests) > 1 {
			r.Multi++
		}
		if !h.Ops[e.Op].Abandoned {
			r.Kept++
		}
	}
	r.Thin = 2*r.Kept < r.Commands-r.Abandoned
}

// checkEffects fails a run in which too few commands took effect, or too few
// of those for several partitions. However many clients crash, what the others
// had done must be plenty.
func (r *Report) checkEffects(s *Shape) error {
	share := 3
	if s.Reads {
		share = 5 // half are reads of one partition, and ordered where they would have to wait
	}
	switch {
	case r.Commands < s.Commands*9/10:
		return fmt.Errorf("vacuous: only %d of %d commands were submitted", r.Commands, s.Commands)
	case r.Thin && s.Ridge.Horizon > 5*time.Second, r.Kept < s.Commands/8 && !r.Thin:
		return fmt.Errorf("vacuous: only %d commands took effect of %d, besides %d abandoned by clients that crashed", r.Kept, r.Commands-r.Abandoned, r.Abandoned)
	case s.Partitions > 1 && r.Multi*share < r.Effects && !r.Thin:
		return fmt.Errorf("vacuous: only %d of %d commands were for several partitions", r.Multi, r.Effects)
	}
	return nil
}

// checkVacuity fails a run that did too little to prove anything.
func checkVacuity(c *cluster, o *Order, r *Report) error {
	s := &c.shape
	if err := r.checkEffects(s); err != nil {
		return err
	}
	switch {
	case o.Compared < s.Partitions:
		return fmt.Errorf("vacuous: only %d replicas besides one of each of the %d partitions have anything to compare", o.Compared, s.Partitions)
	case c.checks.Digests == 0:
		return fmt.Errorf("vacuous: no digests were compared")
	case c.history.Strangers > 0:
		return fmt.Errorf("integrity: %d deliveries of commands that no client sent", c.history.Strangers)
	}
	for f, weight := range s.Weights {
		total := 0
		for _, n := range c.nemesis.Done {
			total += n
		}
		if weight > 0 && total == 0 && s.Every < s.Length/8 {
			return fmt.Errorf("vacuous: %v faults were drawn, none was done", sim.Fault(f))
		}
	}
	return nil
}

// explain makes a failure readable: the rule, the shape, the last events, how
// to repeat it.
func explain(seed uint64, c *cluster, err error) error {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %v\n", seed, err)
	if c != nil {
		fmt.Fprintf(&b, "shape: %v\n", &c.shape)
		fmt.Fprintf(&b, "at %v, %d commands, %d open, %d crashes, trace hash %016x\n",
			c.world.Now(), len(c.history.Ops), c.open, c.crashes, c.world.Hash())
		c.describe(&b)
		b.WriteString("last faults and notes:\n")
		b.WriteString(c.world.Last(30, func(e *sim.Event) bool { return e.Kind > sim.Ticked }))
		b.WriteString("last events:\n")
		b.WriteString(c.world.Last(30, func(e *sim.Event) bool { return e.Kind != sim.Ticked && e.Kind != sim.Sent }))
	}
	fmt.Fprintf(&b, "again: eyrie sim --runs 1 --seed %d", seed)
	return &Failure{Seed: seed, Err: err, Text: b.String()}
}

// describe shows each process and what clients wait for.
func (c *cluster) describe(b *strings.Builder) {
	for _, s := range c.servers {
		st := s.node.Status()
		fmt.Fprintf(b, "process %d of partition %d, life %d, up %v, stopped: %v; suspects %v; clock off by %v\n",
			s.process, s.part, s.life, s.up(), s.stopped, st.Ridge.Suspected, c.world.Off(s.id))
		for _, e := range st.Ridge.Ensembles {
			fmt.Fprintf(b, "    %+v\n", e)
		}
		r := &st.Replica
		fmt.Fprintf(b, "    at %v, %d unfinished, waiting for %v, outbox %d\n", r.Position, r.Unfinished, r.Waiting, r.Outbox)
	}
	shown := 0
	for i := range c.history.Ops {
		if op := &c.history.Ops[i]; op.Returned == 0 && !op.Unknown && shown < 10 {
			shown++
			fmt.Fprintf(b, "open: %s since %v\n", c.history.op(op), op.InvokedAt)
		}
	}
}

// Failure is a run that broke a rule.
type Failure struct {
	Seed uint64 `json:"seed,string"`
	Err  error  `json:"-"`
	Text string `json:"text"` // everything known about it
}

func (f *Failure) Error() string { return f.Text }
func (f *Failure) Unwrap() error { return f.Err }

// Rule is the first word of what was broken: order, linearizability, ...
func (f *Failure) Rule() string {
	rule, _, _ := strings.Cut(f.Err.Error(), ":")
	return rule
}

// sortedCounts lists a count by name.
func sortedCounts(m map[string]uint64) string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, n := range names {
		if m[n] > 0 {
			fmt.Fprintf(&b, "  %-32s %d\n", n, m[n])
		}
	}
	return b.String()
}
