package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// Commands that a case's operations are; creates and deletes in turn are the
// global ones.
const (
	SetData = "setData"
	GetData = "getData"
)

// voleryClient is a client of Volery whose replies come by callback.
type voleryClient struct {
	stageClock
	hosted
	c       Case
	paths   []string // by key
	global  []string // by slot
	created []bool   // by slot: what its global path holds
}

func newVoleryClient(c Case, address json.RawMessage, cpu func() time.Duration) (*voleryClient, error) {
	v := &voleryClient{hosted: hosted{cpu: cpu}, c: c, created: make([]bool, c.Outstanding)}
	return v, json.Unmarshal(address, &v.address)
}

// Start implements System: it makes all nodes that the load touches.
func (v *voleryClient) Start(ctx context.Context) error {
	if err := v.prepare(ctx); err != nil {
		return err
	}
	f, err := cluster.Load(v.address)
	if err != nil {
		return err
	}
	cfg := host.FileClient(f, voleryService.Definition(), voleryService.Map(v.c.Partitions))
	cfg.Core.Tuning.Window = v.c.Outstanding
	v.client, err = host.Dial(ctx, cfg)
	return err
}

func (v *voleryClient) prepare(ctx context.Context) (err error) {
	for key := range v.c.keys() {
		v.paths = append(v.paths, NodePath(uint32(key)))
	}
	if v.global, err = GlobalPaths(v.c); err != nil {
		return err
	}
	return v.fill(ctx)
}

// fill creates the nodes with the public client, parents before children.
func (v *voleryClient) fill(ctx context.Context) error {
	conn, err := ssmr.Dial(ctx, v.address, voleryService, ssmr.ClientConfig{Window: 256})
	if err != nil {
		return err
	}
	defer conn.Close()
	c, value := volery.NewClient(conn), makeValue(v.c, 1)
	paths := v.c.Paths()
	for _, some := range [][]string{paths[:Parents], paths[Parents:]} {
		var calls []*volery.Call[volery.Stat]
		for _, path := range some {
			calls = append(calls, c.GoCreate(ctx, path, value))
		}
		for _, call := range calls {
			if _, err := call.Result(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Submit implements System.
func (v *voleryClient) Submit(op Op, done func(error)) {
	switch {
	case op.Multi && v.created[op.Slot]:
		request(v, volery.Delete, volery.DeleteArg{Path: v.global[op.Slot], Version: volery.AnyVersion}, v.turn(op.Slot, done), nil)
	case op.Multi:
		request(v, volery.Create, volery.CreateArg{Path: v.global[op.Slot], Data: op.Value}, v.turn(op.Slot, done), nil)
	case v.c.Command == GetData:
		request(v, volery.GetData, v.paths[op.Key], done, func(r volery.Content) error { return checkRead(r.Data, op) })
	default:
		request(v, volery.SetData, volery.SetArg{Path: v.paths[op.Key], Version: volery.AnyVersion, Data: op.Value}, done, nil)
	}
}

// Reentrant implements Reentrant.
func (v *voleryClient) Reentrant() bool { return true }

// turn has a slot's next global command be the other one, if this succeeds. No
// two of a slot's operations overlap.
func (v *voleryClient) turn(slot int, done func(error)) func(error) {
	return func(err error) {
		if err == nil {
			v.created[slot] = !v.created[slot]
		}
		done(err)
	}
}

func checkRead(data []byte, op Op) error {
	if len(data) != len(op.Value) {
		return fmt.Errorf("read %d bytes, of a value of %d", len(data), len(op.Value))
	}
	return nil
}

// request submits a command and decodes its result, as any client must.
func request[A, R any](v *voleryClient, command *ssmr.Command[A, R], arg A, done func(error), check func(R) error) {
	number, raw, err := command.Encode(voleryService, arg)
	if err == nil {
		err = v.client.SubmitFunc(context.Background(), number, raw, nil, func(r host.Result) {
			err := outcome(r, r.Err)
			if err == nil {
				v.add(r)
				var result R
				if result, err = command.Decode(r.Reply.Value); err == nil && check != nil {
					err = check(result)
				}
			}
			done(err)
		})
	}
	if err != nil {
		done(err)
	}
}

// voleryWaiter is a client of Volery as most programs are: goroutines that call
// the public client and wait for its replies.
type voleryWaiter struct {
	*voleryClient
	waiting
	volery *volery.Client
}

// Start implements System.
func (w *voleryWaiter) Start(ctx context.Context) (err error) {
	if err = w.prepare(ctx); err != nil {
		return err
	}
	if err = w.begin(ctx, w.address, voleryService, w.c.Outstanding); err != nil {
		return err
	}
	w.volery = volery.NewClient(w.conn)
	return nil
}

// Submit implements System.
func (w *voleryWaiter) Submit(op Op, done func(error)) { w.idle <- func() { done(w.Do(op)) } }

// Do implements Doer.
func (w *voleryWaiter) Do(op Op) (err error) {
	ctx := context.Background()
	switch {
	case op.Multi && w.created[op.Slot]:
		if err = w.volery.Delete(ctx, w.global[op.Slot], volery.AnyVersion); err == nil {
			w.created[op.Slot] = false
		}
	case op.Multi:
		if _, err = w.volery.Create(ctx, w.global[op.Slot], op.Value); err == nil {
			w.created[op.Slot] = true
		}
	case w.c.Command == GetData:
		var data []byte
		if data, _, err = w.volery.GetData(ctx, w.paths[op.Key]); err == nil {
			err = checkRead(data, op)
		}
	default:
		_, err = w.volery.SetData(ctx, w.paths[op.Key], op.Value, volery.AnyVersion)
	}
	return err
}
