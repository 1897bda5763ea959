package optimistic

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// An optimistic reply leaves at once if none has left for a while. Else it waits for
// others, but no longer than a share of what is gained, and not beyond its command's
// turn.
func TestRepliesLeaveTogether(t *testing.T) {
	r := partition.New(partition.Config{
		Self: 1, Replicas: [][]ids.Process{{1, 2, 3}}, Service: benchService(), Placement: testMap(1), Tuning: partition.DefaultTuning(),
	})
	defer r.Close()
	m := New(r, Config{Mode: Baseline})
	at := func(d time.Duration) hlc.Now {
		return hlc.Now{Wall: hlc.Timestamp(1e9).Add(d), Mono: time.Second + d}
	}
	command := func(n int) ids.Command { return ids.Command{Client: ids.Client{1}, Sequence: ids.Sequence(n)} }
	body := func(n int) []byte {
		return partition.Request{MapVersion: 1, Optimistic: true, Arg: binary.BigEndian.AppendUint64(nil, uint64(n))}.Append(nil)
	}
	t0 := func(n int) hlc.Timestamp { return hlc.Timestamp(1e9 - 100 + n) }
	early := func(n int, d time.Duration) {
		m.DeliverOptimistic(at(d), partition.OptDelivery{
			Command: command(n), Attempt: 1, T0: t0(n), Mark: 1, Dests: dests0, Body: body(n), Leads: true,
		}, false)
	}
	said := func(what string, want ...int) {
		t.Helper()
		var got []int
		for _, s := range m.Sends() {
			switch x := s.Msg.(type) {
			case *Reply:
				got = append(got, int(x.Command.Sequence))
			case *partition.Reply:
				got = append(got, -int(x.Command.Sequence))
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: %v, want %v", what, got, want)
			}
		}
	}
	m.speech.ahead = 4 * time.Millisecond // a share of which is half a millisecond
	early(1, 0)
	said("the first", 1)
	early(2, 100*time.Microsecond)
	early(3, 200*time.Microsecond)
	said("those soon after it")
	if w := m.Wake(); w <= time.Second+500*time.Microsecond || w > time.Second+time.Millisecond {
		t.Fatalf("a tick is needed at %v", w)
	}
	m.Tick(at(750 * time.Microsecond))
	said("when it is time", 2, 3)
	early(4, 800*time.Microsecond)
	early(5, 850*time.Microsecond)
	deliver := func(n int, d time.Duration) {
		m.Deliver(at(d), partition.Delivery{
			Position: ids.Position{T: t0(n)}, Command: command(n), Attempt: 1, T0: t0(n), Mark: 1, Dests: dests0, Body: body(n), Nearest: 1,
		})
	}
	deliver(1, 900*time.Microsecond)
	said("at another's turn", -1)
	deliver(4, 900*time.Microsecond)
	said("at the turn of one", 4, 5, -4)
	early(6, 3*time.Millisecond)
	said("after a while", 6)
	for n := range maxHeld {
		early(7+n, 3*time.Millisecond)
	}
	if n := len(m.Sends()); n != maxHeld || m.Wake() != r.Wake() {
		t.Fatalf("of many, %d leave", n)
	}
}
