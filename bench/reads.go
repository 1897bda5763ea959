package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// fetch tells a value: a command that needs no place in the order.
var fetch = ssmr.NewCommand("fetch",
	func(a storeArg) ssmr.Access { return ssmr.Exactly(values.Reads(a.Key)) },
	func(tx ssmr.Tx, a storeArg) ([]byte, error) {
		v, _ := values.Get(tx, a.Key)
		return v, nil
	}, ssmr.ReadOnly())

// Reads measures linearizable reads, which no instance orders, beside our own
// ordered writes. The replicas run in this process and the client, with the
// load generator, in one of its own. args are flags (see -help); it returns an
// exit status.
func Reads(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if isClient() {
		return beClient(ctx, readers(), os.Stdin, stdout, stderr)
	}
	d := defaults()
	d.outstanding = []int{1, 64}
	s, err := parse("reads", args, stderr, d)
	if err != nil {
		return 2
	}
	p := &Plan{
		Bench:      "reads",
		Title:      fmt.Sprintf("reads: 1 partition of 3 replicas in one process, the client in another, over loopback TCP, in memory, %d B values", s.size),
		References: []string{"eyrie write"},
	}
	for _, a := range readers() {
		p.Contenders = append(p.Contenders, a.contender(p.Bench, stderr))
	}
	for _, n := range s.outstanding {
		p.Cases = append(p.Cases, Case{Partitions: 1, Replicas: 3, Size: s.size, Outstanding: n})
	}
	return execute(ctx, p, s, stdout, stderr)
}

// readers are clusters whose client writes, or reads.
func readers() []Apart {
	servers := func(c Case) Servers { return &replicas{Eyrie{c: c}} }
	client := func(reads bool) func(Case, json.RawMessage, func() time.Duration) (System, error) {
		return func(c Case, address json.RawMessage, cpu func() time.Duration) (System, error) {
			r := &reader{Eyrie: Eyrie{c: c}, reads: reads, cpu: cpu}
			return r, errors.Join(json.Unmarshal(address, &r.file), measured.Validate())
		}
	}
	return []Apart{
		{System: "eyrie", Variant: "write", Servers: servers, Client: client(false)},
		{System: "eyrie", Variant: "read", Servers: servers, Client: client(true)},
	}
}

// replicas are a cluster of ours in this process without a client.
type replicas struct{ Eyrie }

// Start implements Servers.
func (r *replicas) Start(ctx context.Context) error {
	if err := measured.Validate(); err != nil {
		return err
	}
	if err := r.startNodes(ctx); err != nil {
		return err
	}
	return r.ready(ctx)
}

// Address implements Servers.
func (r *replicas) Address() any { return r.file }

// CPU implements Servers.
func (r *replicas) CPU() time.Duration { return OwnCPU() }

// reader is a client whose cluster is in another process.
type reader struct {
	Eyrie
	reads bool
	cpu   func() time.Duration
}

// Start implements System: it stores all values that are going to be read.
func (r *reader) Start(ctx context.Context) error {
	if r.file == nil {
		r.file = &cluster.File{}
	}
	if err := r.dial(ctx); err != nil {
		return err
	}
	if err := r.findKeys(); err != nil || !r.reads {
		return err
	}
	return r.fill(ctx, makeValue(r.c, 1))
}

func (r *reader) fill(ctx context.Context, value []byte) error {
	var calls []*host.Call
	for _, keys := range r.keys {
		for _, key := range keys {
			number, raw, err := store.Encode(measured, storeArg{key, value})
			if err != nil {
				return err
			}
			call, err := r.client.Submit(ctx, number, raw, nil)
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
func (r *reader) Submit(op Op, done func(error)) {
	if !r.reads {
		r.Eyrie.Submit(op, done)
		return
	}
	number, raw, err := fetch.Encode(measured, storeArg{Key: r.keys[0][op.Key]})
	if err == nil {
		err = r.client.SubmitFunc(context.Background(), number, raw, nil, func(res host.Result) {
			err := outcome(res, res.Err)
			if err == nil && len(res.Reply.Value) < len(op.Value) {
				err = fmt.Errorf("read %d bytes, of a value of %d", len(res.Reply.Value), len(op.Value))
			}
			done(err)
		})
	}
	if err != nil {
		done(err)
	}
}

// CPU implements System: that of the servers' process.
func (r *reader) CPU() time.Duration { return r.cpu() }
