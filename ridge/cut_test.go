package ridge

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// join is what is left of a message when its tails are put in their places.
func join(b []byte, cuts []wire.Cut, _ int) []byte {
	var out []byte
	at := 0
	for _, c := range cuts {
		out = append(append(out, b[at:c.At]...), c.Tail...)
		at = c.At
	}
	return append(out, b[at:]...)
}

// R7: what a frame's checksum leaves to the decoder, from the value's content
// on, does not decode if any bit of it is another.
func TestR7EveryByteOfAValueMatters(t *testing.T) {
	var es []Entry
	for i := range 3 {
		es = append(es, Entry{T: epoch + hlc.Timestamp(i), Message: &Message{
			Command: ids.Command{Client: ids.Client{7}, Sequence: ids.Sequence(i + 1)}, Attempt: 1, T0: epoch, Mark: 1,
			Dests: ids.NewSet(0, 2), Body: make([]byte, i*(referred-100)),
		}})
	}
	m := &accept{Chain: []ids.Process{1, 2}, Value: newValue(1, 9, epoch, es, epoch+9)}
	_, _, sum := m.AppendCut(nil, nil)
	whole := m.Append(nil)
	for i := sum; i < len(whole); i++ {
		if i > sum+300 && i < len(whole)-300 && i%97 != 0 {
			continue
		}
		for _, flip := range []byte{0x01, 0x10, 0x80} {
			whole[i] ^= flip
			if _, err := Decode(kindAccept, whole); err == nil {
				t.Fatalf("byte %d of %d changed by %#x decodes; covered up to %d", i, len(whole), flip, sum)
			}
			whole[i] ^= flip
		}
	}
}

// R7: a value that refers to large payloads is, in bytes and by its id, the
// same as one that copies them, at its coordinator and where it is passed on.
func TestR7ReferredPayloads(t *testing.T) {
	for _, sizes := range [][]int{{referred}, {10, referred - 1}, {10, 3 * referred, 0, referred, referred + 1}, {referred, 5}} {
		b := newBuilder(len(sizes), 0)
		var entries []Entry
		for i, n := range sizes {
			m := &Message{
				Command: ids.Command{Client: ids.Client{7}, Sequence: ids.Sequence(i + 1)}, Attempt: 1, T0: epoch, Mark: 1,
				Dests: ids.NewSet(0, 2), Body: bytes.Repeat([]byte{byte(i + 1)}, n),
			}
			s := sealed{message: m}
			if i%2 == 1 {
				s.raw, s.digest = m.Append(nil), m.Digest()
			}
			b.add(epoch+hlc.Timestamp(i), &s)
			entries = append(entries, Entry{T: epoch + hlc.Timestamp(i), Digest: m.Digest(), Message: m})
		}
		v := b.done(1, 9, epoch, 0)
		for i := range entries {
			if v.ID.ofBytes() && i%2 == 0 {
				entries[i].Digest = 0 // nobody needs it
			}
		}
		if !reflect.DeepEqual(v.Entries, entries) {
			t.Errorf("sizes %v: other entries", sizes)
		}
		m := &accept{Chain: []ids.Process{1, 2}, Value: v}
		for range 2 {
			whole := m.Append([]byte("before"))
			plain := *v
			plain.raw, plain.cuts = nil, nil
			if x := (&accept{Chain: m.Chain, Value: &plain}).Append([]byte("before")); !bytes.Equal(x, whole) {
				t.Fatalf("sizes %v: another encoding", sizes)
			}
			if x := join(m.AppendCut([]byte("before"), nil)); !bytes.Equal(x, whole) {
				t.Fatalf("sizes %v: cut it is another", sizes)
			}
			got, err := Decode(kindAccept, whole[6:])
			if err != nil {
				t.Fatal(err)
			}
			w := got.(*accept).Value
			if w.ID != v.ID || w.size() != v.size() || w.bare().whole().ID != v.ID || v.bare().whole().ID != v.ID {
				t.Fatalf("sizes %v: %+v came as %+v", sizes, v, w)
			}
			m.Value = w // as it is passed on
		}
		if l := v.without(func(i int) bool { return i == 0 }); !v.ID.ofBytes() && (l.cuts != nil || l.listDigest() != v.ID.Digest) {
			t.Errorf("sizes %v: what lacks a payload refers to it", sizes)
		}
	}
}
