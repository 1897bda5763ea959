package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/eyrie-dev/eyrie/internal/heapfloor"
)

// measurer is a System that is measured elsewhere.
type measurer interface {
	measure(ctx context.Context, c Case, ph Phases, seed uint64) (*Result, error)
}

// measureAt is measure, wherever the system's generator is.
func measureAt(ctx context.Context, sys System, c Case, ph Phases, seed uint64) *Result {
	m, ok := sys.(measurer)
	if !ok {
		return measure(ctx, sys, c, ph, seed)
	}
	r, err := m.measure(ctx, c, ph, seed)
	if err != nil {
		return &Result{Errors: 1, First: err}
	}
	return r
}

// beClient is the client's process: it does what it reads from in with one of
// the systems, and tells the result.
func beClient(ctx context.Context, systems []Apart, in io.Reader, stdout, stderr io.Writer) int {
	collectRarely()
	d := &distant{say: json.NewEncoder(stdout), hear: json.NewDecoder(in)}
	r, err := d.run(ctx, systems)
	a := told{Result: r}
	if err != nil {
		a = told{Error: err.Error()}
	}
	if err := d.say.Encode(a); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// collectRarely has garbage come together in a client's process, in all systems
// alike. Its heap is so small that it would else be collected some thirty times a
// second. Each time all of its threads are stopped; on processors that the servers
// keep busy one that has just been preempted is waited for, and with it every
// answer: pauses of up to half a second, which were none of the servers'.
func collectRarely() {
	debug.SetGCPercent(clientGC)
	heapfloor.Raise()
}

const clientGC = 400

// distant is the conversation with the process that has the servers.
type distant struct {
	say  *json.Encoder
	hear *json.Decoder
}

func (d *distant) run(ctx context.Context, systems []Apart) (*wireResult, error) {
	var o order
	if err := d.hear.Decode(&o); err != nil {
		return nil, err
	}
	for _, a := range systems {
		if a.String() != o.System {
			continue
		}
		sys, err := a.Client(o.Case, o.Address, d.serversCPU)
		if err != nil {
			return nil, err
		}
		starting, cancel := context.WithTimeout(ctx, o.Case.startLimit())
		err = sys.Start(starting)
		cancel()
		if err != nil {
			return nil, errors.Join(err, sys.Close())
		}
		r := newWireResult(measure(ctx, sys, o.Case, o.Phases, o.Seed))
		return r, sys.Close()
	}
	return nil, fmt.Errorf("bench: no client of %q", o.System)
}

func (d *distant) serversCPU() (used time.Duration) {
	if d.say.Encode(told{}) != nil || d.hear.Decode(&used) != nil {
		return 0
	}
	return used
}

// wireResult is a Result between processes.
type wireResult struct {
	Seconds, Others float64
	CPU, OwnCPU     time.Duration
	Errors          uint64
	First           string
	Stages          *StageSums
	EarlyStages     *StageSums
	Timelines       uint64
	Posts           uint64
	Order           *OrderCounts
	Latency, Early  wireHistogram
}

func newWireResult(r *Result) *wireResult {
	w := &wireResult{
		Seconds: r.Seconds, Others: r.Others, CPU: r.CPU, OwnCPU: r.OwnCPU, Errors: r.Errors, Stages: r.Stages,
		EarlyStages: r.EarlyStages, Timelines: r.Timelines, Posts: r.Posts, Order: r.Order,
		Latency: newWireHistogram(&r.Latency), Early: newWireHistogram(&r.Early),
	}
	if r.First != nil {
		w.First = r.First.Error()
	}
	return w
}

func (w *wireResult) result() *Result {
	r := &Result{
		Seconds: w.Seconds, Others: w.Others, CPU: w.CPU, ClientCPU: w.OwnCPU, Errors: w.Errors,
		Stages: w.Stages, EarlyStages: w.EarlyStages, Timelines: w.Timelines, Posts: w.Posts, Order: w.Order,
	}
	if w.First != "" {
		r.First = errors.New(w.First)
	}
	w.Latency.addTo(&r.Latency)
	w.Early.addTo(&r.Early)
	return r
}
