//go:build unix

package chirper_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// benchUsers users, each followed by benchDegree others, as on ego-facebook.
const (
	benchUsers  = 1000
	benchDegree = 44
)

var benchText = strings.Repeat("0123456789", 10)

func benchClient(b *testing.B, partitions int) (*chirper.Client, context.Context) {
	b.Helper()
	ctx := context.Background()
	cluster, err := ssmr.StartLocal(ctx, chirper.Service, ssmr.Config{
		Partitions: partitions, Replicas: 3, Client: ssmr.ClientConfig{Window: 256}, TCP: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cluster.Close() })
	c := chirper.NewClient(cluster.Client())
	all(b, ctx, benchUsers, func(i int) waiter { return wait(c.GoJoin(ctx, chirper.User(i))) })
	all(b, ctx, benchUsers, func(u int) waiter {
		others := make([]chirper.User, benchDegree)
		for i := range others {
			others[i] = chirper.User((u + 1 + 7*i) % benchUsers)
		}
		return wait(c.GoFollowAll(ctx, chirper.User(u), chirper.UsersOf(others...)))
	})
	all(b, ctx, 5*benchUsers, func(i int) waiter {
		return wait(c.GoPost(ctx, chirper.User(i%benchUsers), benchText))
	})
	b.ResetTimer()
	began := cpu()
	b.Cleanup(func() { b.ReportMetric(float64(cpu()-began)/1e3/float64(b.N), "cpu-us/op") })
	return c, ctx
}

// waiter is a call of any kind.
type waiter func(context.Context) error

func wait[R any](c *chirper.Call[R]) waiter {
	return func(ctx context.Context) error {
		_, err := c.Result(ctx)
		return err
	}
}

// mixed is a command of the workload Mix.
func mixed(ctx context.Context, c *chirper.Client, r *rand.Rand) waiter {
	u, v := chirper.User(r.IntN(benchUsers)), chirper.User(r.IntN(benchUsers-1))
	if v >= u {
		v++
	}
	switch n := r.IntN(10000); {
	case n < 750:
		return wait(c.GoPost(ctx, u, benchText))
	case n < 1125:
		return wait(c.GoFollow(ctx, u, v))
	case n < 1500:
		return wait(c.GoUnfollow(ctx, u, (u+1+7*chirper.User(r.IntN(benchDegree)))%benchUsers))
	}
	return wait(c.GoTimeline(ctx, u))
}

// all keeps many calls under way.
func all(b *testing.B, ctx context.Context, n int, send func(i int) waiter) {
	calls := make(chan waiter, 256)
	go func() {
		defer close(calls)
		for i := range n {
			calls <- send(i)
		}
	}()
	for call := range calls {
		if err := call(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCluster(b *testing.B) {
	for _, partitions := range []int{1, 4, 8} {
		b.Run(fmt.Sprint("timeline/", partitions), func(b *testing.B) {
			c, ctx := benchClient(b, partitions)
			all(b, ctx, b.N, func(i int) waiter {
				return wait(c.GoTimeline(ctx, chirper.User(i*7%benchUsers)))
			})
		})
		b.Run(fmt.Sprint("ordered/", partitions), func(b *testing.B) {
			c, ctx := benchClient(b, partitions)
			all(b, ctx, b.N, func(i int) waiter {
				return wait(c.GoOrderedTimeline(ctx, chirper.User(i*7%benchUsers)))
			})
		})
		b.Run(fmt.Sprint("post/", partitions), func(b *testing.B) {
			c, ctx := benchClient(b, partitions)
			all(b, ctx, b.N, func(i int) waiter {
				return wait(c.GoPost(ctx, chirper.User(i*7%benchUsers), benchText))
			})
		})
		b.Run(fmt.Sprint("mix/", partitions), func(b *testing.B) {
			c, ctx := benchClient(b, partitions)
			r := rand.New(rand.NewPCG(1, 1))
			all(b, ctx, b.N, func(int) waiter { return mixed(ctx, c, r) })
		})
	}
}

// cpu is what this process, replicas and client, has used.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
