package ssmr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

type blob struct {
	Key  uint64
	Data []byte
}

// ownBlob has an encoding of its own; msgpack costs more than all the rest.
type ownBlob blob

func (a *ownBlob) AppendBinary(b []byte) ([]byte, error) {
	return append(binary.LittleEndian.AppendUint64(b, a.Key), a.Data...), nil
}

func (a *ownBlob) UnmarshalBinary(b []byte) error {
	if len(b) < 8 {
		return errors.New("too short")
	}
	a.Key, a.Data = binary.LittleEndian.Uint64(b), append([]byte(nil), b[8:]...)
	return nil
}

type path struct {
	Dir, Name string
}

// The parts of BenchmarkDeliver: bytes under keys of three forms.
var (
	byNumber = NewCollection[uint64, []byte]("by number")
	byName   = NewCollection[string, []byte]("by name")
	kept     = NewCollection[uint64, []byte]("kept", Immutable())
	byPath   = NewCollection[path, blob]("by path")

	putNumber = NewCommand("put number",
		func(a blob) Access { return Exactly(byNumber.Writes(a.Key)) },
		func(tx Tx, a blob) (none struct{}, err error) {
			byNumber.Put(tx, a.Key, a.Data)
			return
		})
	putOwn = NewCommand("put own",
		func(a ownBlob) Access { return Exactly(byNumber.Writes(a.Key)) },
		func(tx Tx, a ownBlob) (none struct{}, err error) {
			byNumber.Put(tx, a.Key, a.Data)
			return
		})
	putKept = NewCommand("put kept",
		func(a ownBlob) Access { return Exactly(kept.Writes(a.Key)) },
		func(tx Tx, a ownBlob) (none struct{}, err error) {
			kept.Put(tx, a.Key, a.Data)
			return
		})
	getKept = NewCommand("get kept",
		func(a ownBlob) Access { return Exactly(kept.Reads(a.Key)) },
		func(tx Tx, a ownBlob) ([]byte, error) {
			v, _ := kept.Get(tx, a.Key)
			return v, nil
		})
	putName = NewCommand("put name",
		func(a blob) Access { return Exactly(byName.Writes(nameOfBlob(a))) },
		func(tx Tx, a blob) (none struct{}, err error) {
			byName.Put(tx, nameOfBlob(a), a.Data)
			return
		})
	swapPath = NewCommand("swap path",
		func(a blob) Access { return Exactly(byPath.Writes(pathOfBlob(a))) },
		func(tx Tx, a blob) (uint64, error) {
			old, _ := byPath.Get(tx, pathOfBlob(a))
			byPath.Put(tx, pathOfBlob(a), a)
			return old.Key, nil
		})
	deliverService = NewService("deliver", byNumber, byName, byPath, kept, putNumber, putName, swapPath, putOwn, putKept, getKept)
)

func nameOfBlob(a blob) string { return smallNames[a.Key%uint64(len(smallNames))] }
func pathOfBlob(a blob) path   { return path{"/some/directory", nameOfBlob(a)} }

var smallNames = func() (names []string) {
	for i := range 1000 {
		names = append(names, fmt.Sprintf("a name of some length %04d", i))
	}
	return names
}()

// best is the quickest of a benchmark's stretches: what an operation takes when
// nothing comes between, collections of garbage left out.
type best struct {
	since time.Time
	least time.Duration
	n     int
}

const stretch = 512

func (s *best) operation() {
	if s.n++; s.n%stretch != 0 {
		return
	}
	now := time.Now()
	if took := now.Sub(s.since); s.n > stretch && (s.least == 0 || took < s.least) {
		s.least = took
	}
	s.since = now
}

func (s *best) report(b *testing.B) {
	b.ReportMetric(float64(s.least.Nanoseconds())/stretch, "best-ns/op")
}

// BenchmarkDeliver is what one of three replicas does for a typed command of
// one partition, from delivery to reply, with 64 commands of one client
// outstanding; a third of the replies fall to it.
func BenchmarkDeliver(b *testing.B) {
	encode := func(c *Command[blob, struct{}]) func(blob) (uint16, []byte, error) {
		return func(a blob) (uint16, []byte, error) { return c.Encode(deliverService, a) }
	}
	for _, of := range []struct {
		name   string
		encode func(blob) (uint16, []byte, error)
	}{
		{"get and put kept", func(a blob) (uint16, []byte, error) {
			if a.Key%2 > 0 {
				return putKept.Encode(deliverService, ownBlob(a))
			}
			return getKept.Encode(deliverService, ownBlob{Key: a.Key + 1})
		}},
		{"put kept", func(a blob) (uint16, []byte, error) { return putKept.Encode(deliverService, ownBlob(a)) }},
		{"put own", func(a blob) (uint16, []byte, error) { return putOwn.Encode(deliverService, ownBlob(a)) }},
		{"put number", encode(putNumber)},
		{"put name", encode(putName)},
		{"swap path", func(a blob) (uint16, []byte, error) { return swapPath.Encode(deliverService, a) }},
	} {
		b.Run(of.name, func(b *testing.B) {
			r := partition.New(partition.Config{
				Self: 1, Replicas: [][]ids.Process{{1, 2, 3}}, Service: deliverService.Definition(),
				Placement: deliverService.Map(1), Tuning: partition.DefaultTuning(),
			})
			defer r.Close()
			bodies := make([][]byte, 1000)
			for i := range bodies {
				number, raw, err := of.encode(blob{uint64(i), bytes.Repeat([]byte{byte(i)}, 100)})
				if err != nil {
					b.Fatal(err)
				}
				bodies[i] = partition.Request{MapVersion: 1, Command: number, Arg: raw}.Append(nil)
			}
			const outstanding = 64
			replies, dests := 0, ids.Set{0}
			var best best
			at := hlc.Timestamp(1000)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				at++
				r.Deliver(hlc.Now{Wall: at, Mono: time.Duration(at) * time.Microsecond}, partition.Delivery{
					Position: ids.Position{T: at}, Attempt: 1, T0: at, Dests: dests, Body: bodies[i*7%1000],
					Command: ids.Command{Client: ids.Client{1}, Sequence: ids.Sequence(i + outstanding)},
					Mark:    ids.Sequence(i + 1), Nearest: ids.Process(1 + i%3),
				})
				replies += len(r.Sends())
				best.operation()
			}
			best.report(b)
			if replies < b.N/3 || r.Err() != nil || r.Status().Counters.Finished != uint64(b.N) {
				b.Fatalf("%d replies of %d: %v, %+v", replies, b.N, r.Err(), r.Status())
			}
		})
	}
}
