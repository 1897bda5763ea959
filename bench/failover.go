package bench

import (
	"context"
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/transport/faultproxy"
)

// slotTime is the resolution of a Failure's throughput.
const slotTime = 50 * time.Millisecond

// scenario is a fault and the process that has it. In a new cluster process 1
// coordinates its partition's ensemble and e_all, its chains end in process 2,
// and process 3 is the learner that distributes.
type scenario struct {
	name   string
	victim ids.Process
	slow   bool // reads slowly for half of the time, instead of dying
}

var scenarios = []scenario{
	{"slow learner", 3, true},
	{"dead distributor", 3, false},
	{"dead chain acceptor", 2, false},
	{"dead coordinator", 1, false},
}

// Failover measures what a failure costs under full load, over loopback TCP: a
// learner that reads an eighth of what is sent to it for half of the window, or
// a process whose sockets close all at once. args are flags (see -help); it
// returns an exit status.
func Failover(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := defaults()
	s.rounds, s.warm, s.window, s.outstanding = 3, time.Second, 8*time.Second, []int{256}
	faults, partitions := []string{"learner", "distributor", "acceptor", "coordinator"}, []int{1, 2}
	s.own = func(f *flag.FlagSet) {
		f.Var(words{&faults, strings.Join(faults, " ")}, "faults", "which, separated by commas")
		f.Var((*numbers)(&partitions), "partitions", "numbers of partitions, separated by commas")
	}
	s, err := parse("failover", args, stderr, s)
	if err != nil {
		return 2
	}
	words := stdout
	if s.json {
		words = stderr
	}
	if s.quick {
		s.rounds, s.window = 1, 4*time.Second
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.budget)
		defer cancel()
	}
	fmt.Fprintf(words, "failover: replicas and the client in one process over loopback TCP, in memory, %d B values; with two partitions\n"+
		"a tenth of the commands reads and writes both. %d rounds; a fault after %v of load, watched for %v\n%s\n",
		s.size, s.rounds, 2*s.warm, s.window, Machine())
	var failures []*Failure
	status := 0
	for round := range s.rounds {
		for i := range len(partitions) * len(s.outstanding) * len(scenarios) {
			sc := scenarios[i%len(scenarios)]
			c := Case{
				Partitions: partitions[i/len(scenarios)/len(s.outstanding)], Replicas: 3,
				Size: s.size, Outstanding: s.outstanding[i/len(scenarios)%len(s.outstanding)],
			}
			if c.Partitions > 1 {
				c.MultiShare = 0.1
			}
			if !slices.Contains(faults, sc.name[strings.LastIndexByte(sc.name, ' ')+1:]) || ctx.Err() != nil {
				continue
			}
			f, err := fail(ctx, sc, c, s.warm, s.window)
			if err != nil {
				fmt.Fprintf(stderr, "%s: %v\n", sc.name, err)
				status = 1
				continue
			}
			f.Round = round + 1
			failures = append(failures, f)
			if s.json && f.writeJSON(stdout) != nil {
				status = 1
			}
		}
	}
	if err := writeFailures(words, failures); err != nil {
		return 1
	}
	return status
}

// fail runs one scenario on a cluster of its own.
func fail(ctx context.Context, sc scenario, c Case, warm, window time.Duration) (*Failure, error) {
	var proxies []*faultproxy.Proxy
	defer func() {
		for _, p := range proxies {
			p.Close()
		}
	}()
	e := &Eyrie{c: c}
	if sc.slow {
		e.reach = func(self ids.Process, addrs map[ids.Process]string) (map[ids.Process]string, error) {
			if self == sc.victim {
				return addrs, nil
			}
			p, err := faultproxy.New(addrs[sc.victim])
			if err != nil {
				return nil, err
			}
			proxies = append(proxies, p)
			addrs[sc.victim] = p.Addr()
			return addrs, nil
		}
	}
	defer e.Close()
	if err := e.Start(ctx); err != nil {
		return nil, err
	}
	f := &Failure{
		Bench: "failover", Scenario: sc.name, Partitions: c.Partitions, Replicas: c.Replicas,
		SizeBytes: c.Size, Outstanding: c.Outstanding, MultiShare: c.MultiShare,
		TimeoutMS: float64(e.file.Ridge().FailureTimeout) / 1e6, SlotMS: float64(slotTime) / 1e6,
	}
	l := newLoad(e, c, 1)
	var at []time.Duration // of each success
	l.seen = func(t time.Duration) { at = append(at, t) }
	l.prepare()
	l.run(ctx, warm, true)
	m := watch(e)
	started := time.Since(l.base)
	l.run(ctx, warm, true)
	fault := time.Since(l.base)
	before := m.peak()
	cpu, machine := OwnCPU(), machineTime()
	if sc.slow {
		for _, p := range proxies {
			p.Throttle(faultproxy.Forth, max(1, int(float64(p.Passed(faultproxy.Forth))/time.Since(l.base).Seconds()/8)))
		}
		l.run(ctx, window/2, true)
		f.LagSlow = m.lag(sc.victim)
		for _, p := range proxies {
			p.Throttle(faultproxy.Forth, 0)
		}
		l.run(ctx, window-window/2, true)
		f.LagEnd = m.lag(sc.victim)
	} else {
		go e.nodes[sc.victim-1].Close()
		l.run(ctx, window, true)
	}
	end := time.Since(l.base)
	during := m.peak()
	f.Others = machineTime().others(machine, OwnCPU()-cpu)
	l.run(ctx, 5*time.Second, false)
	time.Sleep(300 * time.Millisecond) // heartbeats let the logs be trimmed
	f.Errors, f.Unanswered = l.errors, uint64(l.out)
	f.memory(before, during, m.stop())
	f.throughput(at, started, fault, end)
	if n := e.nodes[sc.victim-1]; sc.slow && n.Err() != nil {
		f.Lost = n.Err().Error()
	}
	return f, ctx.Err()
}

// footprint is what the cluster keeps in memory.
type footprint struct {
	log  int    // largest log of any process and ensemble, bytes
	heap uint64 // of this process, with all of the cluster and the client
}

// watcher looks at the cluster's memory every 100 ms.
type watcher struct {
	e     *Eyrie
	ask   chan chan footprint
	ended chan struct{}
}

func watch(e *Eyrie) *watcher {
	w := &watcher{e: e, ask: make(chan chan footprint), ended: make(chan struct{})}
	go w.run()
	return w
}

func (w *watcher) run() {
	defer close(w.ended)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var most footprint
	for {
		select {
		case <-tick.C:
			now := w.look()
			most.log, most.heap = max(most.log, now.log), max(most.heap, now.heap)
		case to, ok := <-w.ask:
			if !ok {
				return
			}
			to <- most
			most = footprint{}
		}
	}
}

// peak is the largest footprint since the last call.
func (w *watcher) peak() footprint {
	to := make(chan footprint)
	w.ask <- to
	return <-to
}

// stop ends the watcher; the footprint is that of the moment, after a
// collection.
func (w *watcher) stop() footprint {
	close(w.ask)
	<-w.ended
	runtime.GC()
	return w.look()
}

func (w *watcher) look() (f footprint) {
	for _, n := range w.e.nodes {
		for _, e := range status(n).Ridge.Ensembles {
			f.log = max(f.log, e.LogBytes)
		}
	}
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	f.heap = ms.HeapAlloc
	return f
}

// lag is how many commands p has executed fewer than the process that has
// executed most in its partition.
func (w *watcher) lag(p ids.Process) uint64 {
	r := w.e.c.Replicas
	first := (int(p) - 1) / r * r
	var done []uint64
	for _, n := range w.e.nodes[first : first+r] {
		done = append(done, status(n).Ridge.Counters.Delivered)
	}
	return slices.Max(done) - done[int(p)-1-first]
}

// status is a node's, or nothing when it has stopped.
func status(n *host.Node) host.NodeStatus {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, _ := n.Status(ctx)
	return s
}
