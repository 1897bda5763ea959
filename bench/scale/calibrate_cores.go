package scale

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// shape is what a measured load looks like: messages of so many bytes that come
// so many at a time.
type shape struct{ size, burst int }

var shapes = []shape{
	{16, 1}, {16, 16}, {16, 256}, {128, 1}, {128, 64}, {128, 512}, {1024, 1}, {1024, 16}, {1024, 128},
	{8192, 1}, {8192, 16}, {65536, 1}, {65536, 4},
}

// trio is an ensemble of three real cores in memory: the coordinator, the last
// acceptor of its chain, and a learner that distributes.
type trio struct {
	cores [3]*ridge.Core
	queue []sent
	now   hlc.Now
	next  ids.Sequence
	body  []byte
	spent [3]time.Duration // in Step and Sends, by core
	work  [3]work
	pull  time.Duration // in Next
	done  int
	// values are the messages from the coordinator to the next acceptor.
	values []wire.Message
	buf    []byte
	// replies is where replies go: a server makes one per message.
	replies []reply
}

// work is what a core was given.
type work struct{ proposals, proposed, batches, others, bytes float64 }

type sent struct {
	from, to ids.Process
	m        wire.Message
	size     int
}

func newTrio(size int) *trio {
	t := &trio{body: make([]byte, size), now: hlc.Now{Mono: monoStart, Wall: wallStart}}
	topo := topology(1, 3, 3)
	for i := range t.cores {
		t.cores[i] = ridge.New(ridge.Config{
			Self: ids.Process(i + 1), Life: 1, Topology: topo, Tuning: ridge.DefaultTuning(),
			Random: rand.New(rand.NewPCG(1, uint64(i))).Uint64,
		})
	}
	return t
}

// settle passes messages until there are none.
func (t *trio) settle() {
	for i := range t.cores {
		t.collect(i)
	}
	for k := 0; k < len(t.queue); k++ {
		s := t.queue[k]
		t.queue[k].m = nil
		i := int(s.to) - 1
		t.work[i].others++
		t.work[i].bytes += float64(s.size)
		began := time.Now()
		t.cores[i].Step(t.now, ids.To(s.from), s.m)
		t.spent[i] += time.Since(began)
		t.collect(i)
	}
	t.queue = t.queue[:0]
}

// collect takes what a core says and delivers.
func (t *trio) collect(i int) {
	began := time.Now()
	var ds [64]ridge.Delivery
	for n := t.cores[i].Next(ds[:]); n > 0; n = t.cores[i].Next(ds[:]) {
		for k := range ds[:n] {
			d := &ds[k]
			if d.Nearest == ids.Process(i+1) {
				t.replies = append(t.replies[:0], reply{d.Message.Command})
			}
			t.done++
		}
	}
	pulled := time.Now()
	out := t.cores[i].Sends()
	t.spent[i] += time.Since(pulled)
	t.pull += pulled.Sub(began)
	for _, s := range out {
		if s.To.Process != 0 {
			t.buf = s.Msg.Append(t.buf[:0])
			t.queue = append(t.queue, sent{ids.Process(i + 1), s.To.Process, s.Msg, len(t.buf)})
			if i == 0 && s.To.Process == 2 {
				t.values = append(t.values, s.Msg)
				t.work[0].batches++
			}
		}
	}
}

// propose hands the coordinator a burst of messages.
func (t *trio) propose(n int) {
	ms := make([]*ridge.Propose, n)
	size := 0
	for i := range ms {
		t.next++
		ms[i] = &ridge.Propose{Message: &ridge.Message{
			Command: ids.Command{Client: ids.Client{1}, Sequence: t.next}, Attempt: 1, T0: t.now.Wall, Mark: 1,
			Dests: ids.Set{0}, Body: t.body,
		}}
	}
	t.buf = ms[0].Append(t.buf[:0])
	size = len(t.buf)
	began := time.Now()
	for _, m := range ms {
		t.cores[0].Step(t.now, ids.ToClient(m.Message.Command.Client), m)
	}
	t.spent[0] += time.Since(began)
	t.work[0].proposals += float64(n)
	t.work[0].proposed += float64(n * size)
}

// tick lets time pass.
func (t *trio) tick(d time.Duration) {
	t.now.Mono += d
	t.now.Wall = t.now.Wall.Add(d)
	for i := range t.cores {
		t.cores[i].Tick(t.now)
	}
	t.settle()
}

// run measures a load for about d.
func (t *trio) run(burst int, d time.Duration) error {
	for range 20 {
		t.tick(20 * time.Millisecond)
	}
	t.propose(burst)
	t.tick(20 * time.Millisecond)
	t.spent, t.work, t.pull, t.done, t.values = [3]time.Duration{}, [3]work{}, 0, 0, nil
	sent := 0
	for end := time.Now().Add(d); time.Now().Before(end); {
		t.propose(burst)
		sent += burst
		t.settle()
		if t.values = t.values[:min(len(t.values), 64)]; t.now.Mono%(20*time.Millisecond) < time.Millisecond {
			t.tick(time.Millisecond)
		}
		t.now.Mono += time.Millisecond
		t.now.Wall += 1000
	}
	t.tick(20 * time.Millisecond)
	if t.done != 3*sent {
		return fmt.Errorf("calibration: %d deliveries of %d messages at 3 processes", t.done, sent)
	}
	return nil
}

// calibrateCores measures what cores do with messages.
func calibrateCores(c *Costs, say func(string, ...any)) error {
	var others, proposals []sample
	var delivers []float64
	clock := readingCost()
	for _, sh := range shapes {
		var best [3]sample
		deliver := 0.0
		for range rounds {
			t := newTrio(sh.size)
			began, wall := bench.OwnCPU(), time.Now()
			if err := t.run(sh.burst, 20*time.Millisecond); err != nil {
				return err
			}
			// Garbage is collected beside the core, at its cost.
			garbage := max(1, float64(bench.OwnCPU()-began)/float64(time.Since(wall)))
			per := float64(t.done) / 3
			for i, w := range t.work {
				readings := 2*w.others + w.proposals/float64(sh.burst)
				cost := (float64(t.spent[i]) - clock*readings) * garbage / per
				if best[i].cost == 0 || cost < best[i].cost {
					best[i] = sample{[]float64{w.others / per, 1, w.bytes / per}, cost}
					if i == 0 {
						best[i].counts = []float64{1, w.proposed / per, w.batches / per, w.others / per}
					}
				}
			}
			steps := t.work[0].others + t.work[1].others + t.work[2].others
			if d := (float64(t.pull) - clock*steps) * garbage / float64(t.done); deliver == 0 || d < deliver {
				deliver = d
			}
		}
		others = append(others, best[1], best[2])
		proposals = append(proposals, best[0])
		delivers = append(delivers, deliver)
	}
	x := fit(others)
	check(say, "step", others, x)
	c.Step, c.StepEntry, c.StepByte = x[0], x[1], x[2]
	for i := range proposals {
		p := &proposals[i]
		p.cost = max(p.cost-p.counts[3]*c.Step, p.cost/10)
		p.counts = p.counts[:3]
	}
	x = fit(proposals)
	check(say, "propose", proposals, x)
	c.Propose, c.ProposeByte, c.Batch = x[0], x[1], x[2]
	c.Deliver = middle(delivers)
	say("%-12s %.3g ns\n", "deliver", c.Deliver)
	return nil
}

// readingCost is what reading the clock costs, in nanoseconds.
func readingCost() float64 {
	const n = 10000
	began := time.Now()
	last := began
	for range n {
		last = time.Now()
	}
	return float64(last.Sub(began)) / n
}
