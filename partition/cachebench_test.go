package partition

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// readerService has one command: it reads the first variable of its argument,
// and writes a little to the second. If the third byte is set, it writes the
// first anew, as long as it was.
func readerService() *Service {
	key := func(n byte) Key { return Key{0, string([]byte{0, 0, 0, n})} }
	return &Service{
		Name:        "reader",
		Collections: []Collection{{Name: "variables", Immutable: true}},
		Commands: []CommandSpec{{
			Name: "read",
			Access: func(arg []byte) (Access, error) {
				return Access{Exact: true, Items: []Item{{Key: key(arg[0]), Write: false}, {Key: key(arg[1]), Write: true}}}, nil
			},
			Run: func(tx Tx, arg []byte) ([]byte, error) {
				v, _ := tx.Get(key(arg[0]))
				tx.Put(key(arg[1]), v[:8])
				return nil, nil
			},
		}, {
			Name: "set",
			Access: func(arg []byte) (Access, error) {
				return Access{Exact: true, Items: []Item{{Key: key(arg[0]), Write: true}}}, nil
			},
			Run: func(tx Tx, arg []byte) ([]byte, error) {
				v := make([]byte, binary.LittleEndian.Uint32(arg[1:]))
				tx.Put(key(arg[0]), v)
				return nil, nil
			},
		}},
	}
}

// BenchmarkRemote is a command of two partitions that reads a value of one of
// them, from its delivery at both to the reply, with the messages encoded and
// decoded once. wire-B/op is what the exchange takes on the wire towards one
// replica. "changed" values are written before every command by one of their
// partition alone: there caching cannot help.
func BenchmarkRemote(b *testing.B) {
	for _, size := range []int{32, 100, 10_000} {
		for _, changed := range []bool{false, true} {
			for _, cached := range []bool{false, true} {
				b.Run(fmt.Sprintf("bytes=%d/changed=%v/cached=%v", size, changed, cached), func(b *testing.B) {
					benchRemote(b, size, changed, cached)
				})
			}
		}
	}
}

func benchRemote(b *testing.B, size int, changed, cached bool) {
	tuning := DefaultTuning()
	tuning.MinCached = 1
	if !cached {
		tuning.MaxCached = 0
	}
	var rs []*Replica
	for p := range ids.Partition(2) {
		rs = append(rs, New(Config{Self: ids.Process(p + 1), Partition: p, Replicas: [][]ids.Process{{1}, {2}},
			Service: readerService(), Placement: newBenchMap(2), Tuning: tuning}))
		defer rs[p].Close()
	}
	now, at, seq := hlc.Now{Wall: 1000}, hlc.Timestamp(1000), ids.Sequence(0)
	replies, wire := 0, 0
	var buf []byte
	var pass func(from ids.Process)
	pass = func(from ids.Process) {
		for _, s := range rs[from-1].Sends() {
			if s.To.Process == 0 {
				replies++
				continue
			}
			buf = s.Msg.Append(buf[:0])
			if _, ok := s.Msg.(*Exchange); ok {
				wire += len(buf)
			}
			m, err := Decode(s.Msg.Kind(), buf)
			if err != nil {
				b.Fatal(err)
			}
			rs[2-from].Step(now, from, m)
		}
		if to := 3 - from; len(rs[to-1].sends) > 0 || rs[to-1].signalling.count > 0 {
			pass(to)
		}
	}
	deliver := func(body []byte, dests ids.Set) {
		at, seq = at+1, seq+1
		now.Wall, now.Mono = at, now.Mono+time.Microsecond
		for _, p := range dests {
			rs[p].Deliver(now, Delivery{Position: ids.Position{T: at}, Command: ids.Command{Client: clientName(1), Sequence: seq},
				Attempt: 1, T0: at, Mark: seq, Dests: dests, Body: body})
		}
		for _, p := range dests {
			pass(ids.Process(p + 1))
		}
	}
	var read, set [][]byte
	for i := range byte(50) {
		read = append(read, Request{MapVersion: 1, Arg: []byte{2*i + 1, 2 * i}}.Append(nil))
		set = append(set, Request{MapVersion: 1, Command: 1, Arg: binary.LittleEndian.AppendUint32([]byte{2*i + 1}, uint32(size))}.Append(nil))
		deliver(set[i], ids.Set{1})
	}
	both, one := ids.Set{0, 1}, ids.Set{1}
	for i := range read {
		deliver(read[i], both)
	}
	replies, wire = 0, 0
	cpu := processorTime()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if changed {
			deliver(set[i%50], one)
		}
		deliver(read[i%50], both)
		if i%1000 == 999 {
			now.Mono += time.Second
			for _, r := range rs {
				r.Tick(now)
			}
			pass(1)
			pass(2)
		}
	}
	b.StopTimer()
	want := b.N
	if changed {
		want *= 2
	}
	if replies != want {
		b.Fatalf("%d replies of %d: %v %v %+v", replies, want, rs[0].Err(), rs[1].Err(), rs[0].Status())
	}
	b.ReportMetric(float64((processorTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(wire)/float64(b.N), "wire-B/op")
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
