package node

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

func someManifest() *Manifest {
	return &Manifest{
		Number: 7, Partition: 2, Service: 0x1234, MapVersion: 3,
		Positions: ridge.Positions{
			Key:       ids.Position{T: 99, E: ids.All},
			Ensembles: []ridge.At{{Ensemble: 2, Instance: 17, Last: 98}, {Ensemble: ids.All, Instance: 5, Last: 99}},
		},
		Sum: partition.Sum{Count: 4, Hash: 5},
	}
}

// Scenario 45: no flipped bit, and no missing byte, makes another manifest.
func TestManifestProvesItself(t *testing.T) {
	m := someManifest()
	b := m.Append(nil)
	if got, err := DecodeManifest(b); err != nil || !reflect.DeepEqual(got, m) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range b {
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			if _, err := DecodeManifest(c); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
		if _, err := DecodeManifest(b[:i]); !errors.Is(err, wire.ErrMalformed) {
			t.Fatalf("cut after %d bytes: %v", i, err)
		}
	}
}

func transferMessages() []wire.Message {
	data := appendItems(nil, []partition.StateItem{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("b")}})
	c := &Chunk{Transfer: 9, Index: 3, More: true, Last: true, Sum: partition.Sum{Count: 1, Hash: 2}, Data: data}
	c.CRC = c.crc()
	return []wire.Message{
		&Want{Transfer: 9, Need: Need{
			Key: ids.Position{T: 4, E: 1}, At: []ridge.At{{Ensemble: 1, Instance: 8}}, Fresh: true,
		}},
		&Decline{Transfer: 9, Why: Making}, &Offer{Transfer: 9, Manifest: someManifest()},
		&Fetch{Transfer: 9, Next: 3, Until: 7}, c,
	}
}

func TestTransferMessages(t *testing.T) {
	for _, m := range transferMessages() {
		b := m.Append(nil)
		got, err := Decode(m.Kind(), b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%T: %+v, %v", m, got, err)
		}
		for i := range b {
			if _, err := Decode(m.Kind(), b[:i]); err == nil {
				t.Errorf("%T cut after %d bytes decodes", m, i)
			}
		}
	}
}

// Every bit of a chunk is covered: one that differs is not taken.
func TestDamagedChunks(t *testing.T) {
	m := transferMessages()[4].(*Chunk)
	b := m.Append(nil)
	for i := range b {
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			got, err := Decode(KindChunk, c)
			if err == nil && got.(*Chunk).CRC == got.(*Chunk).crc() {
				t.Fatalf("bit %d of byte %d flipped: %+v", bit, i, got)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range transferMessages() {
		f.Add(uint8(m.Kind()), m.Append(nil))
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		if k := wire.Kind(kind); k >= wire.KindNode && k < wire.KindClient {
			if m, err := Decode(k, body); err == nil {
				if c, ok := m.(*Chunk); ok {
					readItems(c.Data, nil)
				}
				if _, err := Decode(k, m.Append(nil)); err != nil {
					t.Fatalf("%+v does not decode again: %v", m, err)
				}
			}
		}
	})
}
