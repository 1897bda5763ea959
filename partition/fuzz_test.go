package partition

import (
	"bytes"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

func samples() []wire.Message {
	tag := Tag{ids.Position{T: 77, E: ids.All}, ids.Command{Client: clientName(2), Sequence: 300}, 2}
	at := "b"
	return []wire.Message{
		&Reply{Command: tag.Command, Attempt: 3, Outcome: OutcomeFailed, Value: []byte("v"), ErrorName: "n", ErrorText: "t",
			Needed: ids.Set{1, 5}, MapVersion: 9, Time: 1 << 50, Stages: Stages{1, 2, 3, 4}},
		&Exchange{Tag: tag, Signal: true},
		&Exchange{Tag: tag,
			Vars: []Var{{Key{1, "k"}, true, []byte("v")}, {Key{2, ""}, false, nil}},
			Parts: []Part{{Range{1, "a", "z", &at}, true, []PartItem{{"b", nil}, {"c", []byte("x")}}},
				{Range{0, "", "", nil}, false, nil}}},
		&Exchange{Tag: tag, Signal: true, Vars: []Var{{Key{1, "k"}, true, []byte("v")}, {Key{2, ""}, false, nil}},
			Names: []Version{{tag.Position, true}, {}}},
		&Exchange{Tag: tag, Same: []Same{{Key{1, "k"}, Version{ids.Position{T: 7}, false}, nil}}},
		&Exchange{Tag: tag, Vars: []Var{{Key{1, "j"}, true, []byte("v")}}, Names: []Version{{ids.Position{T: 70, E: 1}, false}},
			Same: []Same{{Key{3, "ax"}, Version{tag.Position, true}, &Change{Version{ids.Position{T: 7}, true}, true, 99, []byte{1, 'z'}}},
				{Key{3, "bx"}, Version{tag.Position, true}, &Change{Version{ids.Position{T: 7}, false}, false, 98, nil}}}},
		&Signals{}, &Signals{[]Tag{tag, {ids.Position{T: 7}, ids.Command{Client: tag.Command.Client, Sequence: 300}, 1}, {}}},
		&Pull{tag},
		&Answer{tag, AnswerGone, ids.Position{T: 5}},
		&Progress{Below: ids.Position{T: 9, E: 1}, Except: []ids.Position{{T: 1}, {T: 8, E: 7}}, Ask: true},
		&Check{tag, 1 << 60},
		&Confirmation{tag.Command, 2, 1 << 63, 300, 5, Stages{1, 2, 3, 1 << 40}},
		&ReadReply{Number: 300, At: tag.Position, Reply: Reply{Outcome: OutcomeOK, MapVersion: 3, Value: []byte("v")}},
		&ReadReply{Number: 1, Reply: Reply{Outcome: OutcomeRetry, MapVersion: 3, ErrorName: "n", ErrorText: "t", Needed: ids.Set{0, 2}}},
	}
}

func TestMessagesDecode(t *testing.T) {
	for _, m := range samples() {
		body := m.Append(nil)
		got, err := Decode(m.Kind(), body)
		if err != nil {
			t.Fatalf("%T: %v", m, err)
		}
		if again := got.Append(nil); !bytes.Equal(again, body) {
			t.Fatalf("%T: %x, want %x", m, again, body)
		}
		for n := range body {
			if _, err := Decode(m.Kind(), body[:n]); err == nil {
				t.Fatalf("%T cut to %d bytes decodes", m, n)
			}
		}
		if _, err := Decode(m.Kind(), append(body, 0)); err == nil {
			t.Fatalf("%T with a trailing byte decodes", m)
		}
	}
	if _, err := Decode(0x10, nil); err == nil {
		t.Fatal("another package's kind decodes")
	}
}

func TestReadRequestDecodes(t *testing.T) {
	for _, q := range []ReadRequest{{}, {1 << 40, 7, 65535, []byte("arg")}} {
		got, err := Decode(KindReadRequest, q.Append(nil))
		if err != nil || !bytes.Equal(got.Append(nil), q.Append(nil)) {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if _, err := Decode(KindReadRequest, []byte{1, 1, 9}); err == nil {
		t.Fatal("a read without a command decodes")
	}
}

func TestRequestDecodes(t *testing.T) {
	for _, q := range []Request{
		{}, {MapVersion: 1 << 40, Command: MaxCommands - 1, Arg: []byte("arg")}, {MapVersion: 1 << 40, Optimistic: true},
		{MapVersion: 1, Command: MaxCommands - 1, Optimistic: true, Arg: []byte("arg")}, {Command: MaxCommands - 1},
	} {
		got, err := DecodeRequest(q.Append(nil))
		if err != nil || got.MapVersion != q.MapVersion || got.Command != q.Command || got.Optimistic != q.Optimistic || !bytes.Equal(got.Arg, q.Arg) {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if _, err := DecodeRequest([]byte{1, 2}); err == nil {
		t.Fatal("short request decodes")
	}
}

// FuzzDecode: what decodes encodes to the same bytes, and no replica minds it.
func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		f.Add(uint8(m.Kind()), m.Append(nil))
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		m, err := Decode(wire.Kind(kind), body)
		if err != nil {
			return
		}
		if again := m.Append(nil); !bytes.Equal(again, body) {
			t.Fatalf("%T: %x, want %x", m, again, body)
		}
		ps := &programs{}
		r := New(Config{Self: 1, Replicas: [][]ids.Process{{1}, {2}}, Service: testService(ps),
			Placement: testMap{n: 2, version: 3}, Tuning: testTuning(), Checks: true})
		defer r.Close()
		now := hlc.Now{Wall: 5000}
		r.Step(now, 2, m)
		d := Delivery{Position: ids.Position{T: 77, E: ids.All}, T0: 77, Attempt: 2, Mark: 1, Dests: ids.Set{0, 1},
			Command: ids.Command{Client: clientName(2), Sequence: 9},
			Body:    Request{MapVersion: 3, Command: 0, Arg: ps.add(&program{code: []instr{scan(colHash, 9), get(Key{0, "x"}), put(Key{0, "y"})}})}.Append(nil)}
		r.Deliver(now, d)
		r.Step(now, 2, m)
		r.Deliver(now, Delivery{Position: ids.Position{T: 78}, Body: body, Dests: ids.Set{0}, T0: 78, Attempt: 1, Mark: 1,
			Command: ids.Command{Client: clientName(3), Sequence: 1}})
		r.Tick(now)
		r.Sends()
		r.Status()
	})
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add(Request{MapVersion: 7, Command: 3, Arg: []byte("arg")}.Append(nil))
	f.Add(Request{MapVersion: 7, Command: 3, Optimistic: true}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := DecodeRequest(b); err == nil && !bytes.Equal(q.Append(nil), b) {
			t.Fatalf("%+v", q)
		}
	})
}
