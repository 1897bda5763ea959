package partition

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// replyBytes are those that the table keeps, by looking at all of it, and how
// many of its replies have been dropped.
func (t *table) replyBytes() (bytes, live, gone int) {
	for _, rec := range t.clients {
		for i := range rec.live() {
			e := &rec.live()[i]
			if e.counts() {
				bytes += e.bytes()
				live++
			}
			if e.gone {
				gone++
			}
		}
	}
	return bytes, live, gone
}

// echoes is a service whose command returns its argument, some as an error, and
// counts how often it was executed.
func echoes(runs *int) *Service {
	return &Service{Name: "echoes", Collections: []Collection{{Name: "hash"}}, Commands: []CommandSpec{{
		Name:   "echo",
		Access: func([]byte) (Access, error) { return Access{Exact: true}, nil },
		Run: func(_ Tx, arg []byte) ([]byte, error) {
			if *runs++; *runs%5 == 0 {
				return nil, errors.New(string(arg))
			}
			return arg, nil
		},
	}}}
}

// Clients that send a few commands and leave, and one whose mark a guard holds
// back, leave large replies behind for H. No more of them are kept than there is
// room for, the newest; all commands are still known, and none is executed twice,
// also by a replica that was restored.
func TestRepliesAreBounded(t *testing.T) {
	const size, room, commands = 1000, 20, 300
	runs := 0
	l := newLab(t, 1, 1, durable, func(c *Config) {
		c.Service = echoes(&runs)
		c.Tuning.MaxReplyBytes = room * size
	})
	var d disk
	var all []Delivery
	at := hlc.Timestamp(5000)
	for i := range commands {
		cmd := order(at, 0, make([]byte, size), 0)
		cmd.Command.Client = ids.Client{1, byte(i >> 8), byte(i)}
		if i%3 == 0 {
			cmd.Command.Client = ids.Client{2}
			cmd.Guard = at.Add(l.node(1).tuning.Horizon)
		}
		all = append(all, cmd)
		l.deliver(cmd, 1)
		at++
		if bytes := l.node(1).Status().ReplyBytes; bytes > room*size {
			t.Fatalf("%d bytes of replies after %d commands", bytes, i+1)
		}
		if i == commands/2 {
			l.save(1, &d)
			l.reborn(1, &d)
		}
		if i == commands-commands/4 { // what goes later is there
			l.save(1, &d)
		}
	}
	check := func() {
		t.Helper()
		n := l.node(1)
		bytes, live, gone := n.table.replyBytes()
		if s := &n.table.replies; bytes != s.bytes || live != s.live || live != room || gone != commands-room {
			t.Fatalf("%d replies of %d bytes, %d gone; %d of %d by their own account", live, bytes, gone, s.live, s.bytes)
		}
		l.replies = nil
		for i, cmd := range all {
			cmd.Position.T, at = at, at+1
			l.deliver(cmd, 1)
			if want := i >= commands-room; (len(l.replies) == 1) != want {
				t.Fatalf("command %d of %d is answered again: %v, want %v", i, commands, !want, want)
			}
			l.replies = nil
		}
		if runs != commands {
			t.Fatalf("%d commands were executed %d times", commands, runs)
		}
	}
	save := func() { // what has been dropped is in no later checkpoint either
		t.Helper()
		l.save(1, &d)
		whole, sum := everythingOf(t, l.node(1)), Sum{}
		for _, it := range whole.sorted() {
			sum.Add(it)
		}
		if sum != d.sum {
			t.Fatalf("the checkpoints have %v together, the replica %v", d.sum, sum)
		}
	}
	check()
	save()
	l.reborn(1, &d)
	check()

	// With less room, the rest of them goes at the start.
	save()
	l.node(1).config.Tuning.MaxReplyBytes = size
	l.reborn(1, &d)
	if _, live, gone := l.node(1).table.replyBytes(); live != 1 || gone != commands-1 {
		t.Fatalf("%d replies kept, %d gone", live, gone)
	}
	all[0].Position.T = at.Add(2 * l.node(1).tuning.Horizon)
	l.deliver(all[0], 1)
	if s := &l.node(1).table.replies; s.bytes != 0 || s.live != 0 {
		t.Fatalf("%d replies, %d bytes, of clients that are forgotten", s.live, s.bytes)
	}
}

// Whatever becomes of entries, what is counted is what is there, and what has
// gone is not remembered for long.
func TestRepliesAreCounted(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		tuning := testTuning()
		tuning.MaxReplyBytes = 1000 << rng.IntN(10)
		table := newTable(&tuning, 1, &changes{})
		at := hlc.Timestamp(5000)
		next := map[ids.Client]ids.Sequence{}
		for range 5000 {
			at += hlc.Timestamp(rng.IntN(40))
			c := ids.Client{byte(1 + rng.IntN(12))}
			if rng.IntN(500) == 0 {
				at = at.Add(tuning.Horizon)
			}
			seq := next[c] + ids.Sequence(rng.IntN(2))
			next[c] = seq
			d := &Delivery{
				Position: ids.Position{T: at}, Command: ids.Command{Client: c, Sequence: seq + 1}, Attempt: ids.Attempt(1 + rng.IntN(2)),
				T0: at, Mark: max(1, seq-min(seq, ids.Sequence(rng.IntN(8)))), Dests: ids.Set{0},
			}
			if c[0] < 4 || rng.IntN(3) > 0 { // marks of some never move
				d.Guard = at.Add(tuning.Horizon)
			}
			v, e := table.judge(d)
			if v == VerdictAccepted && rng.IntN(10) > 0 {
				if size := rng.IntN(4 * minReply); rng.IntN(3) > 0 {
					e.outcome, e.value = OutcomeOK, make([]byte, size)
				} else {
					e.outcome, e.other = OutcomeFailed, &Reply{ErrorText: string(make([]byte, size))}
				}
				table.keep(c, e)
			}
			entries := 0
			for _, rec := range table.clients {
				entries += len(rec.live())
			}
			if entries != table.entries {
				t.Fatalf("seed %d: %d entries, by their account %d", seed, entries, table.entries)
			}
			s := &table.replies
			if bytes, live, _ := table.replyBytes(); bytes != s.bytes || live != s.live || bytes > tuning.MaxReplyBytes {
				t.Fatalf("seed %d: %d replies of %d bytes, by their account %d of %d, room for %d", seed, live, bytes, s.live, s.bytes, s.most)
			}
			if len(s.line) > 4*s.live+64 && len(s.line) > 4*tuning.MaxReplyBytes/minReply+64 {
				t.Fatalf("seed %d: %d places for %d replies", seed, len(s.line), s.live)
			}
		}
	}
}
