package optimistic

import (
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// What is said of commands that never come is bounded, and so is what one such
// leaves behind while others come and go.
func TestEarlyIsBounded(t *testing.T) {
	tuning := Tuning{MaxEarly: 10, MaxEarlyBytes: 1 << 20}
	say := func(n int) *partition.Exchange {
		x := &partition.Exchange{Signal: true}
		x.Command, x.Attempt = ids.Command{Client: ids.Client{1}, Sequence: ids.Sequence(n)}, 1
		return x
	}
	var y early
	y.init()
	y.keep(1, say(1), &tuning)
	for n := 2; n < 1000; n++ {
		y.keep(1, say(n), &tuning)
		if got := y.take(say(n).Command, 1); len(got) != 1 {
			t.Fatalf("%d messages of %d", len(got), n)
		}
	}
	if len(y.oldest) > 100 || y.count != 1 || len(y.of) != 1 {
		t.Errorf("%d in order, %d messages of %d commands", len(y.oldest), y.count, len(y.of))
	}
	dropped := uint64(0)
	for n := 1000; n < 2000; n++ {
		dropped += y.keep(1, say(n), &tuning)
	}
	if y.count != 10 || len(y.of) != 10 || len(y.oldest) > 200 || dropped != 991 || y.take(say(1).Command, 1) != nil {
		t.Errorf("%d messages of %d commands, %d in order, %d dropped", y.count, len(y.of), len(y.oldest), dropped)
	}
	for n := 1990; n < 2000; n++ {
		y.forget(say(n).Command, 1)
	}
	if y.count != 0 || y.bytes != 0 || len(y.of) != 0 {
		t.Errorf("%+v", y)
	}
}
