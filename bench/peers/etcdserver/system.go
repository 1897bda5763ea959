// Package etcdserver measures etcd as a peer: three embedded servers in one
// process that speak TCP on loopback to each other and keep log and state on a
// disk. Its client is that of the leader's own process (v3client), which calls
// the server without a network: the cheapest that etcd offers.
//
// Settings are the defaults, which its tuning guide advises where the network is
// near (heartbeats every 100 ms, elections after 1 s, a preallocated log, sync
// at each batch; the backend commits every 100 ms or 10,000 changes), but for
// these: no logs; a quota of 8 GiB, the most that it advises; a snapshot every
// 100,000 entries, as by default until version 3.5, and not every 10,000, which
// measured slower. An operation is a put at one key, which all members store.
package etcdserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
)

// Durable is the peer.
func Durable() bench.Contender {
	return bench.Contender{System: "etcd", Variant: "durable",
		New: func(c bench.Case) bench.System { return &System{c: c} },
		Can: func(c bench.Case) bool { return c.Dir != "" && c.Replicas == 3 }}
}

// System is a cluster. It implements bench.System.
type System struct {
	c       bench.Case
	members []*embed.Etcd
	client  *clientv3.Client // of the leader
	keys    [bench.Keys]string
	puts    chan put // to goroutines that wait, one for each operation outstanding
	callers sync.WaitGroup
}

type put struct {
	op   bench.Op
	done func(error)
}

const (
	quota         = 8 << 30
	snapshotCount = 100_000
)

// Start implements bench.System. It returns when all members serve and one of
// them leads.
func (s *System) Start(ctx context.Context) error {
	for k := range s.keys {
		s.keys[k] = fmt.Sprintf("key-%04d", k)
	}
	configs, err := s.configs()
	if err != nil {
		return err
	}
	started := make(chan error, len(configs))
	s.members = make([]*embed.Etcd, len(configs))
	for i, c := range configs {
		go func() {
			var err error
			s.members[i], err = embed.StartEtcd(c) // waits for the others
			started <- err
		}()
	}
	var errs []error
	for range configs {
		errs = append(errs, <-started)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := s.elected(ctx); err != nil {
		return err
	}
	s.puts = make(chan put, s.c.Outstanding)
	for range s.c.Outstanding {
		s.callers.Go(func() {
			for p := range s.puts {
				p.done(s.Do(p.op))
			}
		})
	}
	return nil
}

// configs are the members' settings. Their addresses were free just now.
func (s *System) configs() ([]*embed.Config, error) {
	quiet := zap.NewNop()
	var cluster []string
	var configs []*embed.Config
	for i := range s.c.Replicas {
		peers, err := free()
		if err != nil {
			return nil, err
		}
		clients, err := free()
		if err != nil {
			return nil, err
		}
		c := embed.NewConfig()
		c.Name, c.Dir = fmt.Sprint("member", i), filepath.Join(s.c.Dir, fmt.Sprint("member", i))
		c.ListenPeerUrls, c.AdvertisePeerUrls = peers, peers
		c.ListenClientUrls, c.AdvertiseClientUrls = clients, clients
		c.QuotaBackendBytes = quota
		c.SnapshotCount = snapshotCount
		c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(quiet)
		cluster = append(cluster, c.Name+"="+peers[0].String())
		configs = append(configs, c)
	}
	for _, c := range configs {
		c.InitialCluster = strings.Join(cluster, ",")
	}
	return configs, nil
}

// free is an address of a port that is free.
func free() ([]url.URL, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return []url.URL{{Scheme: "http", Host: ln.Addr().String()}}, ln.Close()
}

// elected waits for a leader, and makes a client of it.
func (s *System) elected(ctx context.Context) error {
	for _, m := range s.members {
		select {
		case <-m.Server.ReadyNotify():
		case <-ctx.Done():
			return fmt.Errorf("no leader: %w", ctx.Err())
		}
	}
	for {
		for _, m := range s.members {
			if m.Server.Leader() == m.Server.MemberID() {
				s.client = v3client.New(m.Server)
				_, err := s.client.Put(ctx, "ready", "yes")
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no leader: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// Reentrant implements bench.Reentrant.
func (s *System) Reentrant() bool { return true }

// Submit implements bench.System: a put waits, so it is made in a goroutine.
func (s *System) Submit(op bench.Op, done func(error)) { s.puts <- put{op, done} }

// Do implements bench.Doer.
func (s *System) Do(op bench.Op) error {
	_, err := s.client.Put(context.Background(), s.keys[op.Key], string(op.Value))
	return err
}

// Flush implements bench.System: etcd gathers by itself.
func (s *System) Flush() {}

// CPU implements bench.System: there are no other processes.
func (s *System) CPU() time.Duration { return 0 }

// Close implements bench.System.
func (s *System) Close() error {
	if s.puts != nil {
		close(s.puts)
	}
	var err error
	if s.client != nil {
		if err = s.client.Close(); errors.Is(err, context.Canceled) {
			err = nil // it says so of itself
		}
	}
	s.each(func(m *embed.Etcd) { m.Server.HardStop() }) // without a leader that tries to hand over to nobody for seconds
	s.each(func(m *embed.Etcd) { m.Close() })
	s.callers.Wait()
	return err
}

// each calls f for all members that have started, at once.
func (s *System) each(f func(*embed.Etcd)) {
	var ended sync.WaitGroup
	for _, m := range s.members {
		if m != nil {
			ended.Go(func() { f(m) })
		}
	}
	ended.Wait()
}
