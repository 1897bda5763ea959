package optimistic

import (
	"bytes"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
)

func samples() []wire.Message {
	c := ids.Command{Client: ids.Client{1, 2}, Sequence: 300}
	return []wire.Message{
		&Reply{Command: c, Attempt: 2, Outcome: partition.OutcomeOK, Value: []byte("v"), Stages: partition.Stages{Proposed: 1, Delivered: 2, Started: 3, Finished: 1 << 50}},
		&Reply{Command: c, Attempt: 1, Outcome: partition.OutcomeFailed, ErrorName: "n", ErrorText: "t"},
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
	for _, o := range []partition.Outcome{0, partition.OutcomeRetry, partition.OutcomeLate, partition.OutcomeRefused, 99} {
		if _, err := Decode(KindReply, (&Reply{Outcome: o}).Append(nil)); err == nil {
			t.Errorf("a reply with outcome %v decodes", o)
		}
	}
	if _, err := Decode(wire.KindPartition, nil); err == nil {
		t.Error("another package's kind decodes")
	}
}

func TestAgrees(t *testing.T) {
	early := Reply{Outcome: partition.OutcomeOK, Value: []byte("v"), ErrorName: "n", ErrorText: "t"}
	same := partition.Reply{Outcome: partition.OutcomeOK, Value: []byte("v"), ErrorName: "n", ErrorText: "t"}
	if !early.Agrees(&same) {
		t.Error("equal ones disagree")
	}
	for i, change := range []func(*partition.Reply){
		func(r *partition.Reply) { r.Outcome = partition.OutcomeFailed },
		func(r *partition.Reply) { r.Value = nil },
		func(r *partition.Reply) { r.ErrorName = "" },
		func(r *partition.Reply) { r.ErrorText = "" },
	} {
		r := same
		change(&r)
		if early.Agrees(&r) {
			t.Errorf("difference %d is not seen", i)
		}
	}
}

// FuzzDecode: what decodes encodes to the same bytes.
func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		f.Add(uint8(m.Kind()), m.Append(nil))
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		if m, err := Decode(wire.Kind(kind), body); err == nil && !bytes.Equal(m.Append(nil), body) {
			t.Fatalf("%T: %x", m, body)
		}
	})
}
