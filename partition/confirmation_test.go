package partition

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// teller is a speculator that runs nothing and says what it has told.
type teller struct{ told bool }

func (*teller) Turn(ids.Command, ids.Attempt) *Run           { return nil }
func (*teller) Dropped(ids.Command, ids.Attempt)             {}
func (*teller) Ended(*Ending)                                {}
func (*teller) Wrong(*Run)                                   {}
func (*teller) Heard(ids.Partition, *Exchange)               {}
func (x *teller) Told(ids.Command, ids.Attempt, *Reply) bool { return x.told }

// Of a command whose client asked for an optimistic reply, the coordinator that
// proposed it and the replica that answers tell it the reply together, or one of
// them does.
func TestWhoConfirms(t *testing.T) {
	for _, c := range []struct {
		name             string
		nearest, origin  ids.Process
		told, asks       bool
		least            int
		whole, confirmed string // by whom
	}{
		{name: "usual", nearest: 2, origin: 1, told: true, asks: true, confirmed: "[2]", whole: "[]"},
		{name: "not told, or something else", nearest: 2, origin: 1, asks: true, confirmed: "[2]", whole: "[1]"},
		{name: "one replica is both", nearest: 2, origin: 2, told: true, asks: true, confirmed: "[2]", whole: "[]"},
		{name: "one replica is both and has not told", nearest: 2, origin: 2, asks: true, confirmed: "[]", whole: "[2]"},
		{name: "nobody asked", nearest: 2, origin: 1, told: true, confirmed: "[]", whole: "[2]"},
		{name: "small", nearest: 2, origin: 1, told: true, asks: true, least: 1000, confirmed: "[]", whole: "[2]"},
		{name: "proposed elsewhere", nearest: 2, origin: 9, told: true, asks: true, confirmed: "[]", whole: "[2]"},
		{name: "proposed by nobody known", nearest: 2, told: true, asks: true, confirmed: "[]", whole: "[2]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, 1, 3, func(cfg *Config) { cfg.Tuning.MinConfirmed = max(c.least, 1) })
			for _, n := range l.nodes {
				n.Speculation(&teller{c.told})
			}
			d := l.op(90, exactly(put(l.key(0, 0, 0)), get(l.key(0, 0, 0))), 0)
			d.Nearest, d.Origin = c.nearest, c.origin
			if c.asks {
				q, _ := DecodeRequest(d.Body)
				q.Optimistic = true
				d.Body = q.Append(nil)
			}
			l.deliver(d, 1, 2, 3)
			if got := fmt.Sprint(l.by); got != c.whole {
				t.Errorf("told all by %v, want %v", got, c.whole)
			}
			if got := fmt.Sprint(l.confirmers); got != c.confirmed {
				t.Errorf("confirmed by %v, want %v", got, c.confirmed)
			}
			for _, m := range l.confirmations {
				e := l.nodes[0].table.record(d.Command.Client).live()[0]
				if r := e.reply(); m.Digest != Content(d.Command, r.Outcome, r.Value, r.ErrorName, r.ErrorText) || m.Attempt != 1 || m.Command != d.Command {
					t.Errorf("%+v does not confirm %+v", m, r)
				}
			}
			// A duplicate is answered in full, whatever was confirmed.
			l.by, l.confirmers = nil, nil
			d.Position.T++
			l.deliver(d, 1, 2, 3)
			if len(l.by) == 0 || len(l.confirmers) > 0 {
				t.Errorf("a duplicate: told all by %v, confirmed by %v", l.by, l.confirmers)
			}
		})
	}
}

// Every part of what a reply says counts, and whose it is.
func TestContent(t *testing.T) {
	a, b := ids.Command{Client: ids.Client{1}, Sequence: 2}, ids.Command{Client: ids.Client{2}, Sequence: 2}
	c, late := a, a
	c.Sequence++
	late.Client[15] = 1
	sums := map[uint64]int{}
	for i, x := range []uint64{
		Content(a, OutcomeOK, []byte("xy"), "", ""),
		Content(b, OutcomeOK, []byte("xy"), "", ""),
		Content(c, OutcomeOK, []byte("xy"), "", ""),
		Content(late, OutcomeOK, []byte("xy"), "", ""),
		Content(a, OutcomeFailed, []byte("xy"), "", ""),
		Content(a, OutcomeOK, []byte("xz"), "", ""),
		Content(a, OutcomeOK, []byte("x"), "y", ""),
		Content(a, OutcomeOK, []byte("x"), "", "y"),
		Content(a, OutcomeOK, nil, "xy", ""),
		Content(a, OutcomeOK, nil, "x", "y"),
	} {
		if j, twice := sums[x]; twice {
			t.Errorf("%d and %d have one digest", i, j)
		}
		sums[x] = i
	}
}

// Two values whose digests by xxhash are equal under every other seed, though
// whoever writes them knows none: the second of two words of one lane undoes what
// the first has changed. Who may write what another reads could have had a wrong
// optimistic reply confirmed.
func TestConfirmationsAreNotForged(t *testing.T) {
	prime1, prime2 := uint64(0x9E3779B185EBCA87), uint64(0xC2B2AE3D27D4EB4F)
	inverse := uint64(1)
	for range 6 {
		inverse *= 2 - prime2*inverse
	}
	for at := range 32 { // wherever in the digest's blocks the value begins
		a, b := make([]byte, 256), make([]byte, 256)
		for _, v := range []struct {
			b     []byte
			x, by uint64
		}{{a, 0, 0}, {b, 1 << 63, prime1 << 30}} {
			binary.LittleEndian.PutUint64(v.b[at+64:], v.x)
			binary.LittleEndian.PutUint64(v.b[at+96:], v.by*inverse)
		}
		for i := range 40 {
			c := ids.Command{Sequence: ids.Sequence(i + 1)}
			for j := range c.Client {
				c.Client[j] = byte(37*i + 11*j + at)
			}
			if Content(c, OutcomeOK, a, "", "") == Content(c, OutcomeOK, b, "", "") {
				t.Fatalf("two values with one digest, the value beginning %d bytes before a block ends", 32-at)
			}
		}
	}
}
