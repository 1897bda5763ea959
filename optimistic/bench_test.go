package optimistic

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// add is a command as ssmr makes them: prepared, and its variable found.
type add struct {
	key partition.Key
}

func (c *add) Run(tx partition.Tx) ([]byte, error) {
	v, _ := tx.Get(c.key)
	n := uint64(0)
	if len(v) == 8 {
		n = binary.LittleEndian.Uint64(v)
	}
	next := binary.LittleEndian.AppendUint64(nil, n+1)
	tx.Put(c.key, next)
	return next, nil
}

func benchService() *partition.Service {
	access := func(arg []byte) (partition.Access, error) {
		return partition.Access{Exact: true, Items: []partition.Item{{Key: partition.Key{Name: string(arg)}, Write: true}}}, nil
	}
	return &partition.Service{
		Name: "bench", Collections: []partition.Collection{{Name: "counters", Immutable: true}},
		Commands: []partition.CommandSpec{{
			Name: "add", Access: access,
			Run: func(partition.Tx, []byte) ([]byte, error) { return nil, nil },
			Prepare: func(arg []byte, lent partition.Lent) (partition.Access, partition.Code, error) {
				it := partition.Item{Write: true}
				lent.Find(&it, 0, arg)
				c, ok := lent.Code.(*add)
				if !ok {
					c = new(add)
				}
				c.key = it.Key
				return partition.Access{Exact: true, Items: append(lent.Items, it)}, c, nil
			},
		}},
	}
}

// BenchmarkSingle is one replica from its deliveries to the reply, for commands
// of one partition: conservative execution only, and with runs before their
// turn, so many deliveries ahead.
func BenchmarkSingle(b *testing.B) {
	for _, keys := range []int{1, 1000} {
		for _, ahead := range []int{0, 1, 64} {
			b.Run(fmt.Sprintf("of %d, ahead %d", keys, ahead), func(b *testing.B) { benchSingle(b, keys, ahead) })
		}
	}
}

func benchSingle(b *testing.B, keys, ahead int) {
	r := partition.New(partition.Config{
		Self: 1, Replicas: [][]ids.Process{{1, 2, 3}}, Service: benchService(), Placement: testMap(1), Tuning: partition.DefaultTuning(),
	})
	defer r.Close()
	var m *Machine
	if ahead > 0 {
		m = New(r, Config{Mode: Baseline})
	}
	bodies := make([][]byte, keys)
	for i := range bodies {
		bodies[i] = partition.Request{MapVersion: 1, Optimistic: true, Arg: binary.BigEndian.AppendUint64(nil, uint64(i))}.Append(nil)
	}
	delivery := func(i int) partition.Delivery {
		at := hlc.Timestamp(1000 + i)
		seq := ids.Sequence(1 + i/16)
		return partition.Delivery{
			Position: ids.Position{T: at}, Command: ids.Command{Client: ids.Client{1, byte(i % 16)}, Sequence: seq},
			Attempt: 1, T0: at, Mark: max(1, seq) - min(seq-1, 16), Dests: dests0, Body: bodies[i%keys], Nearest: 1,
		}
	}
	early, replies := 0, 0
	count := func(sends []partition.Send) {
		for _, s := range sends {
			switch s.Msg.(type) {
			case *Reply:
				early++
			case *partition.Reply:
				replies++
			}
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N + ahead {
		now := hlc.Now{Wall: hlc.Timestamp(1000 + i), Mono: time.Duration(i) * time.Microsecond}
		if m != nil && i < b.N {
			d := delivery(i)
			m.DeliverOptimistic(now, partition.OptDelivery{Command: d.Command, Attempt: 1, T0: d.T0, Mark: d.Mark, Dests: d.Dests, Body: d.Body, Leads: true}, false)
			count(m.Sends())
		}
		if i < ahead {
			continue
		}
		if m != nil {
			m.Deliver(now, delivery(i-ahead))
			count(m.Sends())
		} else {
			r.Deliver(now, delivery(i))
			count(r.Sends())
		}
	}
	if replies != b.N || m != nil && m.counters.Confirmed != uint64(b.N) {
		b.Fatalf("%d replies of %d, %d early: %v %+v", replies, b.N, early, r.Err(), m)
	}
}

var dests0 = ids.Set{0}
