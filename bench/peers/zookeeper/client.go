package zookeeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/go-zookeeper/zk"
)

// connections to each server.
const connections = 2

// client is a bench.System whose servers are elsewhere.
type client struct {
	c       bench.Case
	at      address
	cpu     func() time.Duration
	conns   []*zk.Conn
	work    chan func()
	paths   []string // of all nodes
	keys    []string // by key
	global  []string // by slot
	created []bool   // by slot: what its global path holds
}

func newClient(c bench.Case, raw json.RawMessage, cpu func() time.Duration) (bench.System, error) {
	x := &client{c: c, cpu: cpu, created: make([]bool, c.Outstanding), paths: c.Paths()}
	for key := range len(x.paths) - bench.Parents {
		x.keys = append(x.keys, bench.NodePath(uint32(key)))
	}
	var err error
	x.global, err = bench.GlobalPaths(c)
	return x, errors.Join(err, json.Unmarshal(raw, &x.at))
}

// A new ensemble is under load before its first turn: until it has done as many
// operations, or for as long.
const (
	warmOps  = 200_000
	warmTime = 30 * time.Second
)

// Start implements bench.System: it sets the values of all nodes that the load
// touches, and makes those that there are not.
func (x *client) Start(ctx context.Context) error {
	x.work = bench.Goroutines(x.c.Outstanding)
	for range connections {
		for _, addr := range x.at.Addrs {
			if err := x.connect(ctx, addr); err != nil {
				return err
			}
		}
	}
	value := make([]byte, x.c.Size)
	if err := x.each(ctx, x.paths[:bench.Parents], func(c *zk.Conn, path string) error { return put(c, path, value) }); err != nil {
		return err
	}
	if err := x.each(ctx, x.paths[bench.Parents:], func(c *zk.Conn, path string) error { return put(c, path, value) }); err != nil {
		return err
	}
	err := x.each(ctx, x.global, func(c *zk.Conn, path string) error {
		if err := c.Delete(path, -1); !errors.Is(err, zk.ErrNoNode) {
			return err
		}
		return nil
	})
	if err != nil || !x.at.Fresh {
		return err
	}
	end := time.Now().Add(warmTime)
	for n := 0; n < warmOps && time.Now().Before(end) && err == nil; n += 2 * len(x.keys) {
		err = x.each(ctx, x.keys, func(c *zk.Conn, path string) error {
			_, _, err := c.Get(path)
			return errors.Join(err, put(c, path, value))
		})
	}
	return err
}

func (x *client) connect(ctx context.Context, addr string) error {
	conn, events, err := zk.Connect([]string{addr}, 20*time.Second, zk.WithLogInfo(false))
	if err != nil {
		return err
	}
	x.conns = append(x.conns, conn)
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				go func() {
					for range events {
					}
				}()
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("zookeeper: no session at %s: %w", addr, ctx.Err())
		}
	}
}

func put(c *zk.Conn, path string, value []byte) error {
	_, err := c.Set(path, value, -1)
	if errors.Is(err, zk.ErrNoNode) {
		_, err = c.Create(path, value, 0, zk.WorldACL(zk.PermAll))
	}
	return err
}

// each calls f with every path, many at a time, and returns the first error.
func (x *client) each(ctx context.Context, paths []string, f func(*zk.Conn, string) error) (err error) {
	errs := make(chan error, len(paths))
	for i, path := range paths {
		x.work <- func() { errs <- f(x.conns[i%len(x.conns)], path) }
	}
	for range paths {
		select {
		case e := <-errs:
			if err == nil {
				err = e
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

// Reentrant implements bench.Reentrant.
func (x *client) Reentrant() bool { return true }

// Submit implements bench.System: one of as many goroutines as operations are
// outstanding calls the client, and waits.
func (x *client) Submit(op bench.Op, done func(error)) { x.work <- func() { done(x.Do(op)) } }

// Do implements bench.Doer.
func (x *client) Do(op bench.Op) (err error) {
	conn := x.conns[op.Slot%len(x.conns)]
	switch {
	case op.Multi && x.created[op.Slot]:
		if err = conn.Delete(x.global[op.Slot], -1); err == nil {
			x.created[op.Slot] = false
		}
	case op.Multi:
		if _, err = conn.Create(x.global[op.Slot], op.Value, 0, zk.WorldACL(zk.PermAll)); err == nil {
			x.created[op.Slot] = true
		}
	case x.c.Command == bench.GetData:
		var data []byte
		if data, _, err = conn.Get(x.keys[op.Key]); err == nil && len(data) != len(op.Value) {
			err = fmt.Errorf("read %d bytes, of a value of %d", len(data), len(op.Value))
		}
	default:
		_, err = conn.Set(x.keys[op.Key], op.Value, -1)
	}
	return err
}

// Flush implements bench.System: the client sends each request by itself.
func (x *client) Flush() {}

// CPU implements bench.System.
func (x *client) CPU() time.Duration { return x.cpu() }

// Close implements bench.System.
func (x *client) Close() error {
	for _, c := range x.conns {
		c.Close()
	}
	if x.work != nil {
		close(x.work)
	}
	return nil
}
