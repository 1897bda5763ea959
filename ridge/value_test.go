package ridge

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

func batchOf(n, size int) []Entry {
	es := make([]Entry, n)
	for i := range es {
		m := msg(i+1, epoch, 0)
		m.Body = make([]byte, size)
		es[i] = Entry{T: epoch + 5, Message: m}
	}
	return es
}

// BenchmarkValue is the codec's cost of a batch at one process: making and
// encoding it, and decoding it. Divide by 64 for one message.
func BenchmarkValue(b *testing.B) {
	for _, size := range []int{16, 100, 1024} {
		es := batchOf(64, size)
		v := newValue(1, 9, epoch, es, 0)
		body := (&accept{Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: v}).Append(nil)
		b.Run(fmt.Sprintf("encode/size=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			out := make([]byte, 0, len(body))
			for range b.N {
				v := newValue(1, 9, epoch, es, 0)
				out = (&accept{Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: v}).Append(out[:0])
			}
		})
		b.Run(fmt.Sprintf("copy/size=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			out := make([]byte, 0, len(body))
			ss, n := make([]sealed, len(es)), 0
			for i := range es {
				ss[i] = sealed{message: es[i].Message, raw: es[i].Message.Append(nil)}
				n += es[i].Message.size()
			}
			for range b.N {
				m := newBuilder(len(es), n)
				for i := range ss {
					m.add(epoch+5, &ss[i])
				}
				out = (&accept{Chain: []ids.Process{1, 2}, Voters: []ids.Process{1}, Value: m.done(1, 9, epoch, 0)}).Append(out[:0])
			}
		})
		b.Run(fmt.Sprintf("decode/size=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := Decode(wire.Kind(kindAccept), body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// listed is v with an id of its list, as with direct copies.
func listed(v *Value) *Value {
	out := *v
	for i := range out.Entries {
		out.Entries[i].Digest = out.Entries[i].Message.Digest()
	}
	out.ID.Counter &^= 1
	out.ID.Digest = out.listDigest()
	return &out
}

// R7: where nobody may lack payloads the id covers every byte, and is no list's.
func TestR7IdCoversTheBytes(t *testing.T) {
	v := newValue(1, 9, epoch, batchOf(3, 30), 0)
	if !v.ID.ofBytes() || v.without(func(int) bool { return true }) != v {
		t.Fatalf("id %+v", v.ID)
	}
	body := (&accept{Chain: []ids.Process{1, 2}, Value: v}).Append(nil)
	if m, err := Decode(kindAccept, body); err != nil || m.(*accept).Value.ID != v.ID {
		t.Fatal(err)
	}
	for at := len(body) - len(v.raw); at < len(body); at++ {
		body[at] ^= 0x10
		if _, err := Decode(kindAccept, body); err == nil {
			t.Errorf("byte %d is not covered", at)
		}
		body[at] ^= 0x10
	}
	w := *listed(v)
	lean := w.without(func(i int) bool { return i == 1 })
	lean.ID.Counter |= 1
	for _, digest := range []uint64{v.ID.Digest, w.ID.Digest, xxh3.Hash(nil)} {
		lean.ID.Digest = digest
		if _, err := Decode(kindAccept, (&accept{Chain: []ids.Process{1, 2}, Value: lean}).Append(nil)); err == nil {
			t.Error("a list by an id that is of bytes decodes")
		}
	}
}

// R7: a value has the same id with and without payloads, on the wire too, and
// a list that was changed has another.
func TestR7IdCoversTheList(t *testing.T) {
	for _, n := range []int{1, 3, 64, 65, 200} {
		v := listed(newValue(1, 9, epoch, batchOf(n, 30), epoch+9))
		for _, every := range []int{1, 2, 7} {
			lean := v.without(func(i int) bool { return i%every == 0 })
			got, err := Decode(kindAccept, (&accept{Chain: []ids.Process{1, 2}, Value: lean}).Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			l := got.(*accept).Value
			if l.ID != v.ID || l.listDigest() != v.ID.Digest || l.absent != lean.absent || l.absent == 0 {
				t.Fatalf("%d entries, each %d. without payload: %d absent, id %v, want %v", n, every, l.absent, l.ID, v.ID)
			}
			for i := range l.Entries {
				if l.name(i).copy != v.name(i).copy || !l.dests(i).Equal(v.dests(i)) || l.Entries[i].T != v.Entries[i].T {
					t.Fatalf("entry %d: %+v, want %+v", i, l.name(i), v.name(i))
				}
			}
			full := l.with(v)
			if full.absent != 0 || full.names != nil || full.listDigest() != v.ID.Digest || !bytes.Equal(full.appendFull(nil), v.raw) {
				t.Fatal("filled again it is another value")
			}
		}
	}
	v := listed(newValue(1, 9, epoch, batchOf(2, 30), 0))
	for what, change := range map[string]func(*Value){
		"a timestamp": func(w *Value) { w.Entries[1].T++ },
		"a digest":    func(w *Value) { w.Entries[0].Digest++ },
		"the null":    func(w *Value) { w.Null++ },
		"the clock":   func(w *Value) { w.Proposed++ },
		"an entry":    func(w *Value) { w.Entries = w.Entries[:1] },
	} {
		w := v.without(func(int) bool { return true })
		change(w)
		if w.listDigest() == v.ID.Digest {
			t.Errorf("%s is not covered by the id", what)
		}
		if _, err := Decode(kindAccept, (&accept{Chain: []ids.Process{1, 2}, Value: w}).Append(nil)); err == nil {
			t.Errorf("a list with %s changed decodes", what)
		}
	}
}

// What a log keeps for others gives back the value that it was made of.
func TestStrippedValue(t *testing.T) {
	var entries []Entry
	for i := range 3 {
		entries = append(entries, Entry{T: epoch + hlc.Timestamp(i), Message: &Message{
			Command: ids.Command{Client: ids.Client{7}, Sequence: ids.Sequence(i + 1)}, Attempt: 1, T0: epoch, Mark: 1,
			Dests: ids.NewSet(0, 2), Body: []byte{byte(i)},
		}})
	}
	v := newValue(1, 2, epoch, entries, epoch+9)
	bare := v.bare()
	if bare == v || bare.Entries != nil || bare.size() != v.size() || bare.ID != v.ID {
		t.Errorf("stripped to %+v", bare)
	}
	if w := bare.whole(); !reflect.DeepEqual(w, v) {
		t.Errorf("%+v came back as %+v", v, w)
	}
	if null := newValue(1, 3, epoch, nil, epoch+10); null.bare().whole() != null {
		t.Error("a null has nothing to strip")
	}
}
