//go:build unix

package chirper_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// BenchmarkExecutePost is posts on so many partitions, from their delivery to the
// reply, with what replicas say to each other encoded and decoded: all that a post
// costs but its order, sockets and the waking of processes. Posts come so many
// at a time. An operation is a post at one replica of each partition; cpu-us/replica
// is for one of them.
func BenchmarkExecutePost(b *testing.B) {
	for _, partitions := range []int{1, 2, 8} {
		for _, batch := range []int{1, 32} {
			b.Run(fmt.Sprintf("partitions=%d/batch=%d", partitions, batch), func(b *testing.B) {
				x := newExecution(b, partitions)
				began := cpu()
				b.ReportAllocs()
				b.ResetTimer()
				for i := 0; i < b.N; i += batch {
					x.posts(i, min(batch, b.N-i))
				}
				b.StopTimer()
				b.ReportMetric(float64(cpu()-began)/1e3/float64(b.N*partitions), "cpu-us/replica")
				b.ReportMetric(float64(x.messages)/float64(b.N*partitions), "messages/replica")
				b.ReportMetric(float64(x.wire)/float64(b.N*partitions), "wire-B/replica")
				if x.replies != x.sent {
					b.Fatalf("%d replies to %d commands", x.replies, x.sent)
				}
			})
		}
	}
}

// execution is partitions of one replica each, and their network.
type execution struct {
	b        *testing.B
	replicas []*partition.Replica
	all      ids.Set
	now      hlc.Now
	seq      ids.Sequence
	bodies   [][]byte // of posts, by author

	sent, replies, messages, wire int
	buf                           []byte
}

func newExecution(b *testing.B, partitions int) *execution {
	x := &execution{b: b, all: ids.Range(partitions), now: hlc.Now{Wall: 1000}}
	var names [][]ids.Process
	for p := range partitions {
		names = append(names, []ids.Process{ids.Process(p + 1)})
	}
	tuning := partition.DefaultTuning()
	for p := range partitions {
		x.replicas = append(x.replicas, partition.New(partition.Config{
			Self: names[p][0], Partition: ids.Partition(p), Replicas: names, Tuning: tuning,
			Service: chirper.Service.Definition(), Placement: chirper.Service.Map(partitions),
		}))
		b.Cleanup(x.replicas[p].Close)
	}
	for u := range benchUsers {
		x.deliver(encoded(b, chirper.JoinUser, chirper.User(u)))
	}
	audiences := make([][]chirper.User, benchUsers)
	for u := range benchUsers {
		others := make([]chirper.User, benchDegree)
		for i := range others {
			others[i] = chirper.User((u + 1 + 7*i) % benchUsers)
			audiences[others[i]] = append(audiences[others[i]], chirper.User(u))
		}
		x.deliver(encoded(b, chirper.FollowUsers, chirper.FollowArg{User: chirper.User(u), Others: chirper.UsersOf(others...)}))
	}
	for u := range benchUsers {
		x.bodies = append(x.bodies, encoded(b, chirper.PostText, chirper.PostArg{
			Author: chirper.User(u), Audience: chirper.UsersOf(audiences[u]...), Text: benchText,
		}))
	}
	x.posts(0, benchUsers)
	x.messages, x.wire = 0, 0
	return x
}

// encoded is a command as a client sends it.
func encoded[A, R any](b *testing.B, c *ssmr.Command[A, R], arg A) []byte {
	number, raw, err := c.Encode(chirper.Service, arg)
	if err != nil {
		b.Fatal(err)
	}
	return partition.Request{MapVersion: 1, Command: number, Arg: raw}.Append(nil)
}

func (x *execution) posts(from, n int) {
	bodies := make([][]byte, n)
	for i := range bodies {
		bodies[i] = x.bodies[(from+i)*7%len(x.bodies)]
	}
	x.deliver(bodies...)
}

// deliver has commands of all partitions delivered at a time, and executed.
func (x *execution) deliver(bodies ...[]byte) {
	first := x.seq
	for _, r := range x.replicas {
		for i, body := range bodies {
			at := x.now.Wall + hlc.Timestamp(i) + 1
			seq := first + ids.Sequence(i) + 1
			r.Deliver(x.now, partition.Delivery{
				Position: ids.Position{T: at, E: ids.All}, Command: ids.Command{Client: ids.Client{1}, Sequence: seq},
				Attempt: 1, T0: at, Mark: first + 1, Dests: x.all, Body: body,
			})
		}
	}
	x.seq += ids.Sequence(len(bodies))
	x.sent += len(bodies)
	x.now.Wall += hlc.Timestamp(len(bodies))
	x.now.Mono += time.Duration(len(bodies)) * 100 * time.Microsecond
	for x.exchange() {
	}
	if x.seq%100 == 0 {
		for _, r := range x.replicas {
			r.Tick(x.now)
		}
	}
}

// exchange takes what replicas have to say to those that it is for.
func (x *execution) exchange() (any bool) {
	for p, r := range x.replicas {
		for _, s := range r.Sends() {
			if s.To.Process == 0 {
				x.replies++
				continue
			}
			any = true
			x.messages++
			x.buf = s.Msg.Append(x.buf[:0])
			x.wire += len(x.buf)
			m, err := partition.Decode(s.Msg.Kind(), x.buf)
			if err != nil {
				x.b.Fatal(err)
			}
			x.replicas[s.To.Process-1].Step(x.now, ids.Process(p+1), m)
		}
		if err := r.Err(); err != nil {
			x.b.Fatal(err)
		}
	}
	return any
}
