package bench

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/heapfloor"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// pour stores a value at many keys in a row.
var pour = ssmr.NewCommand("pour",
	func(a pourArg) ssmr.Access {
		var all []ssmr.Item
		for i := range a.Count {
			all = append(all, values.Writes(a.Key+i))
		}
		return ssmr.Exactly(all...)
	},
	func(tx ssmr.Tx, a pourArg) (struct{}, error) {
		for i := range a.Count {
			values.Put(tx, a.Key+i, slices.Clone(a.Value))
		}
		return struct{}{}, nil
	})

type pourArg struct {
	storeArg
	Count uint32
}

// maxPour bounds a command's keys.
const maxPour = 256

// AppendBinary implements encoding.BinaryAppender.
func (a *pourArg) AppendBinary(b []byte) ([]byte, error) {
	return a.storeArg.AppendBinary(binary.LittleEndian.AppendUint32(b, a.Count))
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (a *pourArg) UnmarshalBinary(b []byte) error {
	if len(b) < 4 {
		return errShort
	}
	if a.Count = binary.LittleEndian.Uint32(b); a.Count > maxPour {
		return fmt.Errorf("bench: %d keys in a command", a.Count)
	}
	return a.storeArg.UnmarshalBinary(b[4:])
}

// serverEnv tells this program, started again, that it is a server.
const serverEnv = "EYRIE_BENCH_SERVER"

// pacedWindow bounds what a client may have outstanding that does not wait for
// completions.
const pacedWindow = 4096

// beServer runs one durable process of the service under measurement.
func beServer(ctx context.Context, args []string, stderr io.Writer) int {
	heapfloor.Raise() // as eyrie node does
	f := flag.NewFlagSet("server", flag.ContinueOnError)
	file, id, dir := f.String("cluster", "", ""), f.Uint("id", 0, ""), f.String("dir", "", "")
	if f.Parse(args) != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	fail := func(err error) int {
		fmt.Fprintln(stderr, err)
		return 1
	}
	c, err := cluster.Load(*file)
	if err != nil {
		return fail(err)
	}
	cfg := host.FileConfig(c, ids.Process(*id), measured.Definition(), measured.Map(len(c.Partitions)))
	cfg.Core.Partition.ClientWindow, cfg.Dir = 2*pacedWindow, *dir
	n, err := host.StartNode(ctx, cfg)
	if err != nil {
		return fail(err)
	}
	select {
	case <-ctx.Done():
		n.Close()
	case <-n.Done():
	}
	if err := n.Err(); err != nil {
		return fail(err)
	}
	return 0
}

// rejoiners are three durable processes of one partition, this program started
// again.
type rejoiners struct {
	Processes
	folder string
}

func startReplicas(ctx context.Context, folder string) (*rejoiners, error) {
	r := &rejoiners{folder: folder}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addrs, err := FreeAddrs(3)
	if err != nil {
		return nil, err
	}
	f := &cluster.File{Version: cluster.Version, Cluster: filepath.Base(folder), Partitions: make([][]cluster.Member, 1)}
	for i, addr := range addrs {
		f.Partitions[0] = append(f.Partitions[0], cluster.Member{ID: ids.Process(i + 1), Addr: addr})
	}
	if err := f.Save(r.file()); err != nil {
		return nil, err
	}
	for i := range addrs {
		err = errors.Join(err, r.Start("env", serverEnv+"=1", exe, "bench", "rejoin",
			"-cluster", r.file(), "-id", fmt.Sprint(i+1), "-dir", r.dir(i)))
	}
	return r, err
}

func (r *rejoiners) file() string     { return filepath.Join(r.folder, cluster.DefaultName) }
func (r *rejoiners) dir(i int) string { return filepath.Join(r.folder, fmt.Sprint(i+1)) }

// varsClient is a client of the service under measurement that stores to many
// variables.
type varsClient struct {
	c       Case
	address string
	client  *host.Client
}

func newVarsClient(o order) (System, error) {
	v := &varsClient{c: o.Case}
	return v, json.Unmarshal(o.Address, &v.address)
}

// Start implements System: it fills all variables.
func (v *varsClient) Start(ctx context.Context) error {
	f, err := cluster.Load(v.address)
	if err != nil {
		return err
	}
	tuning := client.DefaultTuning()
	tuning.Window, tuning.Span = pacedWindow, 2*pacedWindow
	if v.client, err = host.Dial(ctx, host.ClientConfig{
		Core:    client.Config{Topology: f.Topology(), Map: measured.Map(1), Service: measured.Definition(), Tuning: tuning},
		Cluster: f.Cluster, Addrs: f.Addrs(),
	}); err != nil {
		return err
	}
	return v.fill(ctx)
}

func (v *varsClient) fill(ctx context.Context) error {
	value := makeValue(v.c, 1)
	count := min(maxPour, max(1, (1<<20)/v.c.Size))
	var calls []*host.Call
	for key := 0; key < v.c.Span; key += count {
		number, raw, err := pour.Encode(measured, pourArg{storeArg{uint32(key), value}, uint32(min(count, v.c.Span-key))})
		if err != nil {
			return err
		}
		call, err := v.client.Submit(ctx, number, raw, nil)
		if err != nil {
			return err
		}
		if calls = append(calls, call); len(calls) < 32 && key+count < v.c.Span {
			continue
		}
		for _, call := range calls {
			r, err := call.Wait(ctx)
			if err := outcome(r, err); err != nil {
				return err
			}
		}
		calls = calls[:0]
	}
	return nil
}

// Submit implements System.
func (v *varsClient) Submit(op Op, done func(error)) {
	number, raw, err := store.Encode(measured, storeArg{op.Key, op.Value})
	if err == nil {
		err = v.client.SubmitFunc(context.Background(), number, raw, nil, func(r host.Result) { done(outcome(r, r.Err)) })
	}
	if err != nil {
		done(err)
	}
}

// Flush implements System: the client's loop gathers by itself.
func (v *varsClient) Flush() {}

// CPU implements System.
func (v *varsClient) CPU() time.Duration { return 0 }

// Close implements System.
func (v *varsClient) Close() error { return v.client.Close() }
