package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// The service under measurement, written as any other: values by number, a
// command that stores one, and a command that exchanges two.
var (
	values = ssmr.NewCollection[uint32, []byte]("values", ssmr.Immutable())

	store = ssmr.NewCommand("store",
		func(a storeArg) ssmr.Access { return ssmr.Exactly(values.Writes(a.Key)) },
		func(tx ssmr.Tx, a storeArg) (struct{}, error) {
			values.Put(tx, a.Key, a.Value)
			return struct{}{}, nil
		})

	// exchange reads and writes both variables: if they live on different
	// partitions, each ships its value to the other.
	exchange = ssmr.NewCommand("exchange",
		func(a exchangeArg) ssmr.Access { return ssmr.Exactly(values.Writes(a.Key), values.Writes(a.Other)) },
		func(tx ssmr.Tx, a exchangeArg) (struct{}, error) {
			x, _ := values.Get(tx, a.Key)
			y, ok := values.Get(tx, a.Other)
			if !ok || len(x) == 0 {
				x, y = a.Value, a.Value
			}
			values.Put(tx, a.Key, y)
			values.Put(tx, a.Other, x)
			return struct{}{}, nil
		})

	measured = ssmr.NewService("bench", values, store, exchange, fetch, pour)
)

type storeArg struct {
	Key   uint32
	Value []byte
}

// AppendBinary implements encoding.BinaryAppender.
func (a *storeArg) AppendBinary(b []byte) ([]byte, error) {
	return append(binary.LittleEndian.AppendUint32(b, a.Key), a.Value...), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (a *storeArg) UnmarshalBinary(b []byte) error {
	if len(b) < 4 {
		return errShort
	}
	a.Key, a.Value = binary.LittleEndian.Uint32(b), append([]byte{}, b[4:]...)
	return nil
}

type exchangeArg struct {
	storeArg
	Other uint32
}

// AppendBinary implements encoding.BinaryAppender.
func (a *exchangeArg) AppendBinary(b []byte) ([]byte, error) {
	return a.storeArg.AppendBinary(binary.LittleEndian.AppendUint32(b, a.Other))
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (a *exchangeArg) UnmarshalBinary(b []byte) error {
	if len(b) < 4 {
		return errShort
	}
	a.Other = binary.LittleEndian.Uint32(b)
	return a.storeArg.UnmarshalBinary(b[4:])
}

var errShort = errors.New("bench: short argument")

// Eyrie is a cluster of ours with one client, all in this process, over
// loopback TCP. The client is another party on the network, as it is in
// production: its commands reach a replica, and replies come back, by TCP.
type Eyrie struct {
	c      Case
	tuning func(*partition.Tuning) // nil: defaults
	near   bool                    // the client reaches the nodes without TCP
	// reach, if not nil, says how process self reaches the others.
	reach   func(self ids.Process, addrs map[ids.Process]string) (map[ids.Process]string, error)
	file    *cluster.File
	folders folders
	nodes   []*host.Node
	client  *host.Client
	keys    [][]uint32 // by partition: keys that live there
}

// NewEyrie makes a cluster with default tuning.
func NewEyrie(c Case) System { return &Eyrie{c: c} }

// NewNear makes a cluster whose client is part of the program that the nodes
// are in and reaches them without TCP, as a program does that carries a cluster
// within it. Nodes speak TCP to each other all the same.
func NewNear(c Case) System { return &Eyrie{c: c, near: true} }

// NewSequential makes a cluster whose replicas execute one command at a time,
// however long it waits for other partitions: the convoy of Algorithm 1.
func NewSequential(c Case) System {
	return &Eyrie{c: c, tuning: func(t *partition.Tuning) { t.Sequential = true }}
}

// Start implements System.
func (e *Eyrie) Start(ctx context.Context) error {
	if err := measured.Validate(); err != nil {
		return err
	}
	if err := e.startNodes(ctx); err != nil {
		return err
	}
	if err := e.ready(ctx); err != nil {
		return err
	}
	if err := e.dial(ctx); err != nil {
		return err
	}
	return e.findKeys()
}

func (e *Eyrie) startNodes(ctx context.Context) error {
	e.file = &cluster.File{Version: cluster.Version, Cluster: "bench"}
	var listeners []net.Listener
	for p := range e.c.Partitions {
		e.file.Partitions = append(e.file.Partitions, nil)
		for range e.c.Replicas {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			listeners = append(listeners, ln)
			e.file.Partitions[p] = append(e.file.Partitions[p], cluster.Member{ID: ids.Process(len(listeners)), Addr: ln.Addr().String()})
		}
	}
	tuning := e.file.Partition()
	if e.tuning != nil {
		e.tuning(&tuning)
	}
	tuning.ClientWindow = max(tuning.ClientWindow, e.span())
	if err := e.folders.open(&e.c, e.file.Cluster, e.file.Topology()); err != nil {
		return err
	}
	for i, ln := range listeners {
		cfg := host.FileConfig(e.file, ids.Process(i+1), measured.Definition(), measured.Map(e.c.Partitions))
		cfg.Core.Partition, cfg.Listener = tuning, ln
		e.folders.give(&cfg, ids.Process(i+1), i%e.c.Replicas)
		var err error
		if e.reach != nil {
			cfg.Addrs, err = e.reach(ids.Process(i+1), cfg.Addrs)
		}
		var n *host.Node
		if err == nil {
			n, err = host.StartNode(ctx, cfg)
		}
		if err != nil {
			for _, ln := range listeners[i:] {
				ln.Close()
			}
			return err
		}
		e.nodes = append(e.nodes, n)
	}
	return nil
}

// span bounds the client's sequences from its oldest unanswered command to its
// newest; with it equal to the window, one late answer would idle the rest.
func (e *Eyrie) span() int { return 4 * e.c.Outstanding }

func (e *Eyrie) ready(ctx context.Context) error {
	for _, n := range e.nodes {
		if err := n.WaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (e *Eyrie) dial(ctx context.Context) error {
	tuning := client.DefaultTuning()
	tuning.Window = e.c.Outstanding
	tuning.Span = max(tuning.Span, e.span())
	var near []*host.Node
	if e.near {
		near = e.nodes
	}
	var err error
	e.client, err = host.Dial(ctx, host.ClientConfig{
		Near: near,
		Core: client.Config{
			Topology: e.file.Topology(), Map: measured.Map(e.c.Partitions), Service: measured.Definition(), Tuning: tuning,
		},
		Cluster: e.file.Cluster, Addrs: e.file.Addrs(),
	})
	if err != nil {
		return err
	}
	// The first command finds the coordinator.
	number, raw, err := store.Encode(measured, storeArg{})
	if err != nil {
		return err
	}
	call, err := e.client.Submit(ctx, number, raw, nil)
	if err != nil {
		return err
	}
	r, err := call.Wait(ctx)
	return outcome(r, err)
}

// findKeys sorts numbers by the partition where they live until every
// partition has as many as the load touches.
func (e *Eyrie) findKeys() error {
	placement := measured.Map(e.c.Partitions)
	e.keys = make([][]uint32, e.c.Partitions)
	for key, missing := uint32(0), e.c.Partitions; missing > 0; key++ {
		number, raw, err := store.Encode(measured, storeArg{Key: key})
		if err != nil {
			return err
		}
		access, err := measured.Definition().Commands[number].Access(raw)
		if err != nil {
			return err
		}
		p := placement.Owners(access.Items[0].Key)[0]
		if len(e.keys[p]) < Keys {
			if e.keys[p] = append(e.keys[p], key); len(e.keys[p]) == Keys {
				missing--
			}
		}
	}
	return nil
}

// Submit implements System.
func (e *Eyrie) Submit(op Op, done func(error)) {
	number, raw, err := e.encode(op)
	if err == nil {
		err = e.client.SubmitFunc(context.Background(), number, raw, nil, func(r host.Result) { done(outcome(r, r.Err)) })
	}
	if err != nil {
		done(err)
	}
}

// encode makes op a command: at the partition that its key says or, with two
// keys, at two different partitions.
func (e *Eyrie) encode(op Op) (uint16, []byte, error) {
	p := int(op.Key) % e.c.Partitions
	key := e.keys[p][op.Key]
	if !op.Multi {
		return store.Encode(measured, storeArg{key, op.Value})
	}
	q := (p + 1 + int(op.Other)%max(e.c.Partitions-1, 1)) % e.c.Partitions
	return exchange.Encode(measured, exchangeArg{storeArg{key, op.Value}, e.keys[q][op.Other]})
}

// outcome is the error of a command, its own included.
func outcome(r host.Result, err error) error {
	switch {
	case err != nil:
		return err
	case r.Reply == nil:
		return errors.New("no reply and no error")
	case r.Reply.Outcome != partition.OutcomeOK:
		return fmt.Errorf("%v: %s", r.Reply.Outcome, r.Reply.ErrorText)
	}
	return nil
}

// Reentrant implements Reentrant.
func (e *Eyrie) Reentrant() bool { return true }

// Flush implements System: the client's loop gathers by itself.
func (e *Eyrie) Flush() {}

// CPU implements System: there are no other processes.
func (e *Eyrie) CPU() time.Duration { return 0 }

// Close implements System.
func (e *Eyrie) Close() error {
	var errs []error
	if e.client != nil {
		errs = append(errs, e.client.Close())
	}
	for i, n := range e.nodes {
		if err := n.Err(); err != nil {
			errs = append(errs, fmt.Errorf("process %d: %w", i+1, err))
		}
		errs = append(errs, n.Close())
	}
	return errors.Join(append(errs, e.folders.close())...)
}
