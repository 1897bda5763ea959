package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/transport/faultproxy"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// counters is a service of counters: its command adds one to every counter
// that its argument names, and replies with the first one's new value.
func counters() *partition.Service {
	key := func(name string) partition.Key { return partition.Key{Name: name} }
	return &partition.Service{
		Name:        "counters",
		Collections: []partition.Collection{{Name: "counters"}},
		Commands: []partition.CommandSpec{{
			Name: "count",
			Access: func(arg []byte) (partition.Access, error) {
				a := partition.Access{Exact: true}
				for name := range strings.FieldsSeq(string(arg)) {
					a.Items = append(a.Items, partition.Item{Key: key(name), Write: true})
				}
				return a, nil
			},
			Run: func(tx partition.Tx, arg []byte) ([]byte, error) {
				var first []byte
				for name := range strings.FieldsSeq(string(arg)) {
					n := uint64(1)
					if v, ok := tx.Get(key(name)); ok {
						n += binary.LittleEndian.Uint64(v)
					}
					v := binary.LittleEndian.AppendUint64(nil, n)
					tx.Put(key(name), v)
					if first == nil {
						first = v
					}
				}
				return first, nil
			},
		}},
	}
}

// system is a cluster of real cores, in which every way from one process to
// another, and from the client, leads through a proxy of its own.
type system struct {
	t        *testing.T
	topology *ridge.Topology
	service  *partition.Service
	nodes    map[ids.Process]*Node
	client   *Client
	proxies  map[[2]ids.Process]*faultproxy.Proxy // by from (0: the client) and to
}

func newSystem(t *testing.T, partitions int, near ...ids.Process) *system {
	s := &system{t: t, service: counters(), nodes: map[ids.Process]*Node{}, proxies: map[[2]ids.Process]*faultproxy.Proxy{}}
	replicas := make([][]ids.Process, partitions)
	listeners := map[ids.Process]net.Listener{}
	for i := range 3 * partitions {
		p := ids.Process(i + 1)
		replicas[i/3] = append(replicas[i/3], p)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[p] = ln
	}
	s.topology = ridge.NewTopology(replicas)
	addrs := func(from ids.Process) map[ids.Process]string {
		m := map[ids.Process]string{}
		for to, ln := range listeners {
			proxy, err := faultproxy.New(ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { proxy.Close() })
			s.proxies[[2]ids.Process{from, to}] = proxy
			m[to] = proxy.Addr()
		}
		return m
	}
	for p, ln := range listeners {
		n, err := StartNode(t.Context(), NodeConfig{
			Core: node.Config{
				Self: p, Topology: s.topology, Service: s.service, Placement: oracle.New(1, partitions, s.service),
				Ridge: ridge.DefaultTuning(), Partition: partition.DefaultTuning(),
			},
			Cluster: "test", Addrs: addrs(p), Listener: ln,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close() })
		s.nodes[p] = n
	}
	var reached []*Node
	for _, p := range near {
		reached = append(reached, s.nodes[p])
	}
	c, err := Dial(t.Context(), ClientConfig{
		Near: reached,
		Core: client.Config{
			Topology: s.topology, Map: oracle.New(1, partitions, s.service), Service: s.service, Tuning: client.DefaultTuning(),
		},
		Cluster: "test", Addrs: addrs(0),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s.client = c
	return s
}

// count counts and returns the first counter's value.
func (s *system) count(ctx context.Context, names string) (uint64, error) {
	call, err := s.client.Submit(ctx, 0, []byte(names), nil)
	if err != nil {
		return 0, err
	}
	r, err := call.Wait(ctx)
	if err != nil {
		return 0, err
	}
	if r.Reply.Outcome != partition.OutcomeOK {
		return 0, fmt.Errorf("%v: %s", r.Reply.Outcome, r.Reply.ErrorText)
	}
	return binary.LittleEndian.Uint64(r.Reply.Value), nil
}

// load counts from several goroutines until each has done so n times. Each
// must see every value of a counter at most once.
func (s *system) load(n int, names ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 50*time.Second)
	defer cancel()
	var mu sync.Mutex
	seen := map[string][]uint64{}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range n {
				name := names[(g+i)%len(names)]
				v, err := s.count(ctx, name)
				if err != nil {
					s.t.Errorf("command %d of caller %d: %v", i, g, err)
					return
				}
				first, _, _ := strings.Cut(name, " ")
				mu.Lock()
				seen[first] = append(seen[first], v)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for name, vs := range seen {
		slices.Sort(vs)
		if len(slices.Compact(slices.Clone(vs))) != len(vs) {
			s.t.Errorf("counter %s: a value came twice: %v", name, vs)
		}
	}
}

func TestCluster(t *testing.T) {
	for name, c := range map[string]struct {
		partitions int
		near       []ids.Process
	}{
		"1": {1, nil}, "2": {2, nil}, "near": {2, []ids.Process{1, 2, 3, 4, 5, 6}}, "near one": {1, []ids.Process{1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, c.partitions, c.near...)
			s.load(50, "a", "b", "c", "d", "a b", "c d")
			doc, err := s.client.Status(t.Context(), 1)
			if err != nil || !strings.Contains(string(doc), `"process":1`) {
				t.Errorf("status %s, %v", doc, err)
			}
		})
	}
}

// Every command counts once while connections break under it.
func TestClusterUnderBreaks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s := newSystem(t, 1)
	s.load(5, "a")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			for _, p := range s.proxies {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					p.Break()
				}
			}
		}
	})
	s.load(100, "a")
	close(stop)
	wg.Wait()
	if v, err := s.count(t.Context(), "a"); err != nil || v != 8*5+8*100+1 {
		t.Errorf("counted to %d, %v", v, err)
	}
}

// One process of three dies; the others go on.
func TestClusterOutlivesAProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, victim := range []ids.Process{1, 2, 3} {
		t.Run(fmt.Sprint(victim), func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 1)
			s.load(5, "a")
			s.nodes[victim].Close()
			s.load(20, "a")
			if v, err := s.count(t.Context(), "a"); err != nil || v != 8*5+8*20+1 {
				t.Errorf("counted to %d, %v", v, err)
			}
		})
	}
}

// A node that is near and ends is not waited for either.
func TestNearNodeEnds(t *testing.T) {
	s := newSystem(t, 1, 1, 2, 3)
	s.load(5, "a")
	s.nodes[1].Close()
	s.load(5, "a")
	s.nodes[2].Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.count(ctx, "a"); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	s.nodes[3].Close()
	if s.client.Close() != nil || s.client.Err() != nil {
		t.Error(s.client.Err())
	}
}

// What may not be mixed is refused at the door, with a reason.
func TestClusterRefusesOthers(t *testing.T) {
	s := newSystem(t, 1)
	addrs := map[ids.Process]string{}
	for p, n := range s.nodes {
		addrs[p] = n.Addr().String()
	}
	other := counters()
	other.Name = "another"
	tuning := client.DefaultTuning()
	tuning.Horizon *= 2
	for name, c := range map[string]struct {
		cfg  ClientConfig
		want error
	}{
		"service": {ClientConfig{Core: client.Config{Service: other, Tuning: client.DefaultTuning()}, Cluster: "test"}, transport.ErrService},
		"horizon": {ClientConfig{Core: client.Config{Service: s.service, Tuning: tuning}, Cluster: "test"}, transport.ErrLayout},
		"execution": {ClientConfig{
			Core: client.Config{Service: s.service, Tuning: client.DefaultTuning()}, Cluster: "test", Execution: optimistic.Full,
		}, transport.ErrLayout},
		"cluster": {ClientConfig{Core: client.Config{Service: s.service, Tuning: client.DefaultTuning()}}, transport.ErrCluster},
	} {
		c.cfg.Core.Topology, c.cfg.Core.Map, c.cfg.Addrs = s.topology, oracle.New(1, 1, c.cfg.Core.Service), addrs
		if _, err := Dial(t.Context(), c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	delete(addrs, 3)
	if _, err := Dial(t.Context(), ClientConfig{Core: client.Config{Topology: s.topology}, Addrs: addrs}); err == nil {
		t.Error("an address is missing, and nobody complains")
	}
}

// An operator's client is told how processes are, whatever their service is, and
// has nothing executed.
func TestOperator(t *testing.T) {
	s := newSystem(t, 1)
	f := &cluster.File{Version: cluster.Version, Cluster: "test", Partitions: make([][]cluster.Member, 1)}
	for p := ids.Process(1); p <= 3; p++ {
		f.Partitions[0] = append(f.Partitions[0], cluster.Member{ID: p, Addr: s.nodes[p].Addr().String()})
	}
	cfg := FileOperator(f)
	o, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if doc, err := o.Status(t.Context(), 2); err != nil || !strings.Contains(string(doc), `"partition":0`) {
		t.Errorf("%s, %v", doc, err)
	}
	cfg.Core.Service = s.service // it pretends
	liar, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer liar.Close()
	before, err := s.count(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if call, err := liar.Submit(ctx, 0, []byte("a"), nil); err == nil {
		select {
		case <-call.Done():
			t.Errorf("answered: %+v", call.Result())
		case <-ctx.Done():
		}
	}
	if now, err := s.count(t.Context(), "a"); now != before+1 || err != nil {
		t.Errorf("%d after %d, %v", now, before, err)
	}
}
