package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/eyrie-dev/eyrie/internal/host"
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

// readsClient is the client's process: it does what it reads from in, and tells
// the result.
func readsClient(ctx context.Context, in io.Reader, stdout, stderr io.Writer) int {
	c := &distant{say: json.NewEncoder(stdout), hear: json.NewDecoder(in)}
	r, err := c.run(ctx)
	words := report{Result: r}
	if err != nil {
		words = report{Error: err.Error()}
	}
	if err := c.say.Encode(words); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// distant is a client whose cluster is in another process, as a System.
type distant struct {
	Eyrie
	reads bool
	say   *json.Encoder
	hear  *json.Decoder
}

func (d *distant) run(ctx context.Context) (*wireResult, error) {
	var o order
	if err := d.hear.Decode(&o); err != nil {
		return nil, err
	}
	d.c, d.file, d.reads = o.Case, o.File, o.Reads
	starting, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := errors.Join(measured.Validate(), d.dial(starting)); err != nil {
		return nil, err
	}
	defer d.Close()
	if err := d.findKeys(); err != nil {
		return nil, err
	}
	if d.reads {
		if err := d.fill(starting, makeValue(o.Case, o.Seed)); err != nil {
			return nil, err
		}
	}
	return newWireResult(measure(ctx, d, o.Case, o.Phases, o.Seed)), nil
}

// fill stores all values that are going to be read.
func (d *distant) fill(ctx context.Context, value []byte) error {
	var calls []*host.Call
	for _, keys := range d.keys {
		for _, key := range keys {
			number, raw, err := store.Encode(measured, storeArg{key, value})
			if err != nil {
				return err
			}
			call, err := d.client.Submit(ctx, number, raw, nil)
			if err != nil {
				return err
			}
			calls = append(calls, call)
		}
	}
	for _, call := range calls {
		r, err := call.Wait(ctx)
		if err := outcome(r, err); err != nil {
			return err
		}
	}
	return nil
}

// Submit implements System.
func (d *distant) Submit(op Op, done func(error)) {
	if !d.reads {
		d.Eyrie.Submit(op, done)
		return
	}
	number, raw, err := fetch.Encode(measured, storeArg{Key: d.keys[0][op.Key]})
	if err == nil {
		err = d.client.SubmitFunc(context.Background(), number, raw, nil, func(r host.Result) {
			err := outcome(r, r.Err)
			if err == nil && len(r.Reply.Value) < len(op.Value) {
				err = fmt.Errorf("read %d bytes, of a value of %d", len(r.Reply.Value), len(op.Value))
			}
			done(err)
		})
	}
	if err != nil {
		done(err)
	}
}

// CPU implements System: that of the servers' process.
func (d *distant) CPU() (used time.Duration) {
	if d.say.Encode(report{}) != nil || d.hear.Decode(&used) != nil {
		return 0
	}
	return used
}

// wireResult is a Result between processes.
type wireResult struct {
	Seconds, Others float64
	CPU             time.Duration
	Errors          uint64
	First           string
	// Of the latencies: buckets that are not empty.
	Counts   map[int]uint64
	Total    uint64
	Sum, Max time.Duration
}

func newWireResult(r *Result) *wireResult {
	w := &wireResult{
		Seconds: r.Seconds, Others: r.Others, CPU: r.CPU, Errors: r.Errors,
		Counts: map[int]uint64{}, Total: r.Latency.total, Sum: r.Latency.sum, Max: r.Latency.max,
	}
	if r.First != nil {
		w.First = r.First.Error()
	}
	for b, n := range r.Latency.counts {
		if n > 0 {
			w.Counts[b] = n
		}
	}
	return w
}

func (w *wireResult) result() *Result {
	r := &Result{Seconds: w.Seconds, Others: w.Others, CPU: w.CPU, Errors: w.Errors}
	if w.First != "" {
		r.First = errors.New(w.First)
	}
	for b, n := range w.Counts {
		if b >= 0 && b < len(r.Latency.counts) {
			r.Latency.counts[b] = n
		}
	}
	r.Latency.total, r.Latency.sum, r.Latency.max = w.Total, w.Sum, w.Max
	return r
}
