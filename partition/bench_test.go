package partition

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// The benchmark's service: add to a counter, or move from one to another.
func benchService() *Service {
	key := func(n uint32) Key { return Key{0, string(binary.BigEndian.AppendUint32(nil, n))} }
	number := func(b []byte) uint64 {
		if len(b) < 8 {
			return 0
		}
		return binary.LittleEndian.Uint64(b)
	}
	return &Service{
		Name:        "bench",
		Collections: []Collection{{Name: "counters", Immutable: true}},
		Commands: []CommandSpec{{
			Name: "add",
			Access: func(arg []byte) (Access, error) {
				return Access{Exact: true, Items: []Item{{Key: key(binary.LittleEndian.Uint32(arg)), Write: true}}}, nil
			},
			Run: func(tx Tx, arg []byte) ([]byte, error) {
				k := key(binary.LittleEndian.Uint32(arg))
				v, _ := tx.Get(k)
				next := binary.LittleEndian.AppendUint64(nil, number(v)+1)
				tx.Put(k, next)
				return next, nil
			},
		}, {
			Name: "move",
			Access: func(arg []byte) (Access, error) {
				return Access{Exact: true, Items: []Item{
					{Key: key(binary.LittleEndian.Uint32(arg))}, {Key: key(binary.LittleEndian.Uint32(arg)), Write: true},
					{Key: key(binary.LittleEndian.Uint32(arg[4:])), Write: true}}}, nil
			},
			Run: func(tx Tx, arg []byte) ([]byte, error) {
				from := key(binary.LittleEndian.Uint32(arg))
				v, _ := tx.Get(from)
				tx.Put(from, binary.LittleEndian.AppendUint64(nil, number(v)-1))
				tx.Update(key(binary.LittleEndian.Uint32(arg[4:])), 0, v)
				return nil, nil
			},
		}},
		Operations: []Operation{{Name: "add", Apply: func(old []byte, ok bool, arg []byte) []byte {
			return binary.LittleEndian.AppendUint64(nil, number(old)+1)
		}}},
	}
}

// benchMap places counter n at partition n % partitions.
type benchMap struct{ sets []ids.Set }

func newBenchMap(n int) (m benchMap) {
	for i := range n {
		m.sets = append(m.sets, ids.Set{ids.Partition(i)})
	}
	return m
}
func (m benchMap) Version() uint64 { return 1 }
func (m benchMap) Owners(k Key) ids.Set {
	return m.sets[int(k.Name[3])%len(m.sets)]
}
func (m benchMap) RangeOwners(Range) (ids.Set, bool) { return nil, false }

func benchReplica(p ids.Partition, partitions int, sequential bool) *Replica {
	tuning := DefaultTuning()
	tuning.Sequential = sequential
	sets := make([][]ids.Process, partitions)
	for i := range sets {
		sets[i] = []ids.Process{ids.Process(i + 1)}
	}
	return New(Config{Self: ids.Process(p + 1), Partition: p, Replicas: sets, Service: benchService(),
		Placement: newBenchMap(partitions), Tuning: tuning})
}

// BenchmarkSingle is one replica from Deliver to the reply, for commands of
// one partition: in a system of one partition, of two, and while another
// command waits for a dead partition.
func BenchmarkSingle(b *testing.B) {
	for _, what := range []string{"alone", "of two", "beside a waiting command"} {
		b.Run(what, func(b *testing.B) {
			partitions := 2
			if what == "alone" {
				partitions = 1
			}
			r := benchReplica(0, partitions, false)
			defer r.Close()
			now := hlc.Now{Wall: 1000}
			at := hlc.Timestamp(1000)
			if what == "beside a waiting command" {
				arg := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 2000), 2001)
				r.Deliver(now, Delivery{Position: ids.Position{T: at}, Command: ids.Command{Client: clientName(9), Sequence: 1}, Attempt: 1, Mark: 1,
					T0: at, Dests: ids.Set{0, 1}, Body: Request{MapVersion: 1, Command: 1, Arg: arg}.Append(nil)})
			}
			bodies := make([][]byte, 500)
			for i := range bodies {
				bodies[i] = Request{MapVersion: 1, Command: 0, Arg: binary.LittleEndian.AppendUint32(nil, uint32(2*i))}.Append(nil)
			}
			var seqs [16]ids.Sequence
			replies := 0
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				at++
				now.Wall, now.Mono = at, now.Mono+time.Microsecond
				c := i % len(seqs)
				seqs[c]++
				r.Deliver(now, Delivery{
					Position: ids.Position{T: at}, Command: ids.Command{Client: clientName(c), Sequence: seqs[c]},
					Attempt: 1, T0: at, Mark: seqs[c], Dests: ids.Set{0}, Body: bodies[i%len(bodies)],
				})
				replies += len(r.Sends())
			}
			if replies < b.N {
				b.Fatalf("%d replies of %d: %v, %+v", replies, b.N, r.Err(), r.Status())
			}
		})
	}
}

// BenchmarkPair is two partitions with one replica each; an operation is a
// command of both, whose messages take a delay of so many commands, or, in
// the mixed runs, nine commands of one partition and one of both. With the
// convoy (Algorithm 1) every command waits for those before it. Throughput is
// CPU-bound either way in one process; ticks/op is the virtual time that an
// operation takes when 64 commands are outstanding and a message takes one
// tick: what the convoy costs where waiting is the limit.
func BenchmarkPair(b *testing.B) {
	for _, mix := range []int{1, 10} {
		for _, seq := range []bool{false, true} {
			b.Run(fmt.Sprintf("one of %d multi, sequential=%v", mix, seq), func(b *testing.B) { benchPair(b, mix, seq) })
		}
	}
}

func benchPair(b *testing.B, mix int, seq bool) {
	const outstanding = 64
	rs := []*Replica{benchReplica(0, 2, seq), benchReplica(1, 2, seq)}
	defer rs[0].Close()
	defer rs[1].Close()
	now := hlc.Now{Wall: 1000}
	at := hlc.Timestamp(1000)
	var mail, next []Send
	issued, replied, ticks := 0, 0, 0
	var seqs [outstanding]ids.Sequence
	free := make([]int, outstanding)
	for i := range free {
		free[i] = i
	}
	who := make(map[ids.Client]int)
	for i := range outstanding {
		who[clientName(i)] = i
	}
	collect := func(r *Replica) {
		for _, s := range r.Sends() {
			if m, ok := s.Msg.(*Reply); ok {
				replied++
				free = append(free, who[m.Command.Client])
				continue
			}
			next = append(next, Send{ids.To(3 - s.To.Process), s.Msg}) // From
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for replied < b.N {
		now.Mono += 100 * time.Microsecond
		ticks++
		for _, s := range mail {
			from := s.To.Process
			rs[2-from].Step(now, from, s.Msg)
			collect(rs[2-from])
		}
		for _, r := range rs {
			if r.Wake() <= now.Mono {
				r.Tick(now)
				collect(r)
			}
		}
		batch := free
		free = nil
		for _, c := range batch {
			at++
			seqs[c]++
			now.Wall = at
			d := Delivery{Position: ids.Position{T: at}, Command: ids.Command{Client: clientName(c), Sequence: seqs[c]},
				Attempt: 1, T0: at, Mark: seqs[c]}
			n := uint32(issued*7) % 10000 &^ 1
			if issued%mix == 0 {
				d.Dests = ids.Set{0, 1}
				d.Body = Request{MapVersion: 1, Command: 1, Arg: binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, n), n+1)}.Append(nil)
			} else {
				p := uint32(issued % 2)
				d.Dests = ids.Set{ids.Partition(p)}
				d.Body = Request{MapVersion: 1, Command: 0, Arg: binary.LittleEndian.AppendUint32(nil, n+p)}.Append(nil)
			}
			issued++
			for _, p := range d.Dests {
				rs[p].Deliver(now, d)
				collect(rs[p])
			}
		}
		mail, next = next, mail[:0]
	}
	b.StopTimer()
	for i, r := range rs {
		if r.Err() != nil {
			b.Fatalf("partition %d: %v", i, r.Err())
		}
	}
	b.ReportMetric(float64(ticks)/float64(b.N), "ticks/op")
	b.ReportMetric(float64(rs[0].counters.Pulls)/float64(b.N), "pulls/op")
}
