package ridge

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// loopback passes encoded messages between cores in memory, first in first
// out, without loss; each hop takes 50 microseconds of virtual time.
type loopback struct {
	cores []*Core
	queue []parcel
	head  int
	now   hlc.Now
	count []int // deliveries by core
	room  [64]Delivery
	sends int
	// given are the records of a durable core.
	given []uint64
	// offers is room for what a proposer sends.
	offers []Send
}

type parcel struct {
	from ids.Addr
	to   int
	kind wire.Kind
	body []byte
}

func newLoopback(partitions, replicas int, durable bool, adjust ...func(*Tuning)) *loopback {
	w := &loopback{now: hlc.Now{Wall: epoch}, given: make([]uint64, partitions*replicas)}
	rng := rand.New(rand.NewPCG(1, 2))
	var rs [][]ids.Process
	for p := range partitions {
		rs = append(rs, nil)
		for i := range replicas {
			rs[p] = append(rs[p], ids.Process(p*replicas+i+1))
		}
	}
	topo, tuning := NewTopology(rs), DefaultTuning()
	for _, f := range adjust {
		f(&tuning)
	}
	for i := range partitions * replicas {
		w.cores = append(w.cores, New(Config{Self: ids.Process(i + 1), Life: 1, Topology: topo, Tuning: tuning, Durable: durable, Random: rng.Uint64}))
		w.count = append(w.count, 0)
	}
	for range 2000 {
		w.tick()
		w.drain()
	}
	return w
}

func (w *loopback) tick() {
	w.now.Mono += 50 * time.Microsecond
	w.now.Wall += 50
	for i, c := range w.cores {
		if c.cfg.Durable && c.journal.durable < w.given[i] {
			c.Durable(w.now, w.given[i])
			w.flush(i)
		}
		if c.Wake() <= w.now.Mono {
			c.Tick(w.now)
			w.flush(i)
		}
	}
}

func (w *loopback) flush(i int) {
	c := w.cores[i]
	for {
		for _, ok := c.NextOptimistic(); ok; {
			_, ok = c.NextOptimistic()
		}
		n := c.Next(w.room[:])
		if n == 0 {
			break
		}
		w.count[i] += n
	}
	w.given[i] += uint64(len(c.Records()))
	for _, s := range c.Sends() {
		if s.To.Process == 0 {
			continue
		}
		w.sends++
		// One buffer per message, as a transport's frame would be.
		body := s.Msg.Append(make([]byte, 0, 256))
		w.queue = append(w.queue, parcel{ids.To(ids.Process(i + 1)), int(s.To.Process) - 1, s.Msg.Kind(), body})
	}
}

// drain delivers what is under way, one generation of messages.
func (w *loopback) drain() {
	for n := len(w.queue); w.head < n; w.head++ {
		p := w.queue[w.head]
		w.queue[w.head] = parcel{}
		m, err := Decode(p.kind, p.body)
		if err != nil {
			panic(err)
		}
		w.cores[p.to].Step(w.now, p.from, m)
		w.flush(p.to)
	}
	w.queue = append(w.queue[:0], w.queue[w.head:]...)
	w.head = 0
}

// BenchmarkOrder is the cost of ordering one message at all processes
// together, bytes in and out of the codec included.
func BenchmarkOrder(b *testing.B) {
	for _, shape := range []struct{ partitions, outstanding, multi int }{
		{1, 1, 0}, {1, 64, 0}, {1, 1024, 0}, {2, 64, 0}, {2, 64, 10}, {4, 64, 10},
	} {
		b.Run(fmt.Sprintf("partitions=%d/outstanding=%d/multi=%d%%", shape.partitions, shape.outstanding, shape.multi), func(b *testing.B) {
			benchmarkOrder(b, shape.partitions, shape.outstanding, shape.multi, false)
		})
		b.Run(fmt.Sprintf("optimistic/partitions=%d/outstanding=%d/multi=%d%%", shape.partitions, shape.outstanding, shape.multi), func(b *testing.B) {
			benchmarkOrder(b, shape.partitions, shape.outstanding, shape.multi, false, optimistic)
		})
		b.Run(fmt.Sprintf("durable/partitions=%d/outstanding=%d/multi=%d%%", shape.partitions, shape.outstanding, shape.multi), func(b *testing.B) {
			benchmarkOrder(b, shape.partitions, shape.outstanding, shape.multi, true)
		})
	}
}

func benchmarkOrder(b *testing.B, partitions, outstanding, multi int, durable bool, adjust ...func(*Tuning)) {
	w := newLoopback(partitions, 3, durable, adjust...)
	body := make([]byte, 100)
	proposed := make([]int, partitions) // to be delivered by partition
	total, sent := 0, 0
	w.sends = 0
	b.ReportAllocs()
	b.ResetTimer()
	for total < b.N {
		// Keep the messages outstanding at each partition.
		for p := range partitions {
			for proposed[p]-w.count[p*3] < outstanding && sent < b.N {
				sent++
				dests := ids.NewSet(ids.Partition(p))
				if multi > 0 && sent%100 < multi {
					dests = ids.NewSet(ids.Partition(p), ids.Partition((p+1)%partitions))
				}
				for _, q := range dests {
					proposed[q]++
				}
				var p Proposal
				p.Init(w.cores[0].cfg.Topology, &Message{
					Command: ids.Command{Client: ids.Client{1}, Sequence: ids.Sequence(sent)},
					Attempt: 1, T0: w.now.Wall, Mark: 1, Dests: dests, Body: body,
				}, w.cores[0].opt.on)
				w.offers = p.Sends(w.offers[:0], w.cores[0].cfg.Topology, w.cores[0].cfg.Topology.spec(p.Ensemble()).Acceptors[0])
				for _, s := range w.offers {
					w.queue = append(w.queue, parcel{ids.ToClient(ids.Client{1}), int(s.To.Process) - 1, s.Msg.Kind(), s.Msg.Append(make([]byte, 0, 192))})
				}
			}
		}
		before := len(w.queue)
		w.tick()
		w.drain()
		total = 0
		for p := range partitions {
			total += w.count[p*3]
		}
		if before == 0 && sent == b.N {
			w.now.Mono += time.Millisecond
			w.now.Wall += 1000
			if done := sum(proposed) == total; done {
				break
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(w.sends)/float64(b.N), "sends/op")
	var nulls uint64
	for _, c := range w.cores {
		nulls += c.counters.Nulls
	}
	b.ReportMetric(float64(nulls)/float64(b.N), "nulls/op")
}

func sum(xs []int) (n int) {
	for _, x := range xs {
		n += x
	}
	return n
}

// BenchmarkBatches is the same of messages that the coordinator's process itself
// multicasts in batches.
func BenchmarkBatches(b *testing.B) {
	for _, size := range []int{1, 64, 256} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			w := newLoopback(1, 3, false)
			body := make([]byte, 100)
			b.ReportAllocs()
			b.ResetTimer()
			for sent := 0; sent < b.N; sent += size {
				batch := NewBatch(size, size*len(body))
				for i := range size {
					batch.Add(&Message{
						Command: ids.Command{Client: ids.Client{1}, Sequence: ids.Sequence(sent + i + 1)},
						Attempt: 1, Mark: 1, Dests: ids.Set{0}, Body: body,
					})
				}
				w.cores[0].MulticastBatch(w.now, batch)
				w.flush(0)
				for len(w.queue) > 0 {
					w.tick()
					w.drain()
				}
			}
			if w.count[0] < b.N {
				b.Fatalf("%d of %d delivered", w.count[0], b.N)
			}
		})
	}
}
