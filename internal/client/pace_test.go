package client

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/partition"
)

// Where all replies take longer than Resend nobody sends copies for ever: the
// pause becomes what replies take. When they are quick again, so is the pause.
func TestCopiesOnlyOfWhatIsOverdue(t *testing.T) {
	w := newWorld(t, 1)
	w.welcome(7)
	slow := 3 * w.cfg.Tuning.Resend
	copies := 0
	answer := func(after time.Duration) (sent int) {
		w.submit("a")
		first, _ := w.proposals()
		sent = len(first)
		for end := w.now.Mono + after; w.now.Mono < end; {
			w.after(min(end-w.now.Mono, 10*time.Millisecond))
			again, _ := w.proposals()
			sent += len(again)
		}
		w.reply(first[0], partition.OutcomeOK)
		return sent
	}
	for range 8 {
		copies = answer(slow)
	}
	if copies != 1 {
		t.Errorf("%d copies of a command whose reply takes as long as always", copies)
	}
	for range 64 {
		answer(2 * time.Millisecond)
	}
	if copies = answer(w.cfg.Tuning.Resend * 3 / 2); copies != 2 {
		t.Errorf("%d copies of a command whose reply is overdue", copies)
	}
}

// However long replies take, MaxPause is the longest pause.
func TestPauseIsBounded(t *testing.T) {
	w := newWorld(t, 1)
	w.welcome(7)
	w.paces[0].took(time.Hour)
	w.submit("a")
	w.proposals()
	w.after(w.cfg.Tuning.MaxPause * 3 / 2)
	if again, _ := w.proposals(); len(again) != 1 {
		t.Errorf("%d further copies within one and a half of MaxPause", len(again))
	}
}

// Where each first reply is lost, and the copy is answered out of the table, since
// the replica that answers cannot reach this client, say, the pause stays what it
// was, and does not grow with each reply.
func TestLostRepliesLeaveThePause(t *testing.T) {
	w := newWorld(t, 1)
	w.welcome(7)
	for n := range 32 {
		w.submit("a")
		first, _ := w.proposals()
		w.after(w.cfg.Tuning.Resend * 11 / 10)
		again, _ := w.proposals()
		if len(again) != 1 {
			t.Fatalf("command %d: %d copies after %v", n, len(again), w.cfg.Tuning.Resend)
		}
		w.after(time.Millisecond)
		w.Step(w.now, 1, &partition.Reply{
			Command: first[0].Message.Command, Attempt: first[0].Message.Attempt, Outcome: partition.OutcomeOK, MapVersion: 1,
		})
	}
}
