package client

import (
	"errors"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// A read that one replica refuses, another being down, comes to the third.
func TestRefusedReadsGoToEveryReplica(t *testing.T) {
	only := *service
	only.Commands = append([]partition.CommandSpec(nil), service.Commands...)
	only.Commands[0].ReadOnly = true
	for down := range 3 {
		w := newWorld(t, 1)
		w.cfg.Service = &only
		w.welcome(7)
		w.Sends()
		busy := w.reads.prefer[0]
		dead := w.replica(0, busy+down)
		if down > 0 {
			w.Down(w.now, dead)
		}
		w.submit("a")
		asked := map[ids.Process]int{}
		for range 8 {
			for _, s := range w.Sends() {
				m, ok := s.Msg.(*partition.ReadRequest)
				if !ok {
					continue
				}
				asked[s.To.Process]++
				w.Step(w.now, s.To.Process, &partition.ReadReply{
					Number: m.Number, Reply: partition.Reply{Outcome: partition.OutcomeRefused},
				})
			}
			w.after(time.Second)
		}
		for i := range 3 {
			if p := w.replica(0, i); (asked[p] > 0) != (down == 0 || p != dead) {
				t.Errorf("process %d is down (if not the first): copies went to %v", dead, asked)
			}
		}
	}
}

// A command of which all copies were refused for lack of room, and kept by
// nobody, has not been executed, and its caller hears so at once. Of one with
// another copy on its way nobody knows, but the reason is told.
func TestNoRoom(t *testing.T) {
	for _, row := range []struct {
		cast, wide, kept bool
		copies, refused  int
		unknown          bool
	}{
		{copies: 1, refused: 1},
		{copies: 2, refused: 1, unknown: true},
		{copies: 2, refused: 2},
		{wide: true, copies: 1, refused: 1},
		{kept: true, copies: 1, refused: 1, unknown: true},
		{cast: true, copies: 1, refused: 1},
		{cast: true, copies: 2, refused: 1, unknown: true},
		{cast: true, kept: true, copies: 1, refused: 9, unknown: true},
		{cast: true, wide: true, copies: 1, refused: 1, unknown: true}, // another replica has it
	} {
		w := newWorld(t, 2)
		w.cfg.Tuning.Cast = row.cast
		w.welcome(7)
		var guess ids.Set
		if row.wide {
			guess = ids.NewSet(0, 1)
		}
		seq, err := w.Submit(w.now, 0, []byte("a"), guess)
		if err != nil {
			t.Fatal(err)
		}
		ps, to := w.proposals()
		refuse := &ridge.Advice{Command: ids.Command{Client: w.cfg.ID, Sequence: seq}, Attempt: 1, Reason: ridge.NoRoom, Kept: row.kept}
		for range row.copies - 1 {
			w.after(time.Second)
			ps, to = w.proposals()
		}
		if len(w.Results()) != 0 || len(ps) == 0 {
			t.Fatal("not sent")
		}
		for range row.refused {
			w.Step(w.now, to[0], refuse)
		}
		rs := w.Results()
		if row.unknown {
			if len(rs) != 0 {
				t.Fatalf("%+v: it ended: %+v", row, rs)
			}
			w.after(w.cfg.Tuning.Horizon)
			rs = w.Results()
		}
		if len(rs) != 1 || rs[0].Sequence != seq || !errors.Is(rs[0].Err, ErrNoRoom) || errors.Is(rs[0].Err, ErrOutcomeUnknown) != row.unknown {
			t.Errorf("%+v: %+v", row, rs)
		}
		w.Step(w.now, to[0], refuse) // whatever else comes of it
	}
}

// While there is no room a command goes to the coordinator alone, so that its
// refusal is the end of it, of several partitions too; when one has been taken,
// optimistic delivery goes on.
func TestNoRoomSendsPlainly(t *testing.T) {
	w := newWorld(t, 2)
	w.cfg.Tuning.Cast = true
	w.welcome(7)
	sent := func() (p *ridge.Propose, casts int) {
		if _, err := w.Submit(w.now, 0, []byte("a"), ids.NewSet(0, 1)); err != nil {
			t.Fatal(err)
		}
		for _, s := range w.Sends() {
			switch m := s.Msg.(type) {
			case *ridge.Propose:
				p = m
			case *ridge.Cast:
				casts++
			}
		}
		return p, casts
	}
	refuse := func(p *ridge.Propose) []Result {
		w.Step(w.now, 1, &ridge.Advice{Command: p.Message.Command, Attempt: 1, Reason: ridge.NoRoom})
		return w.Results()
	}
	p, casts := sent()
	if casts == 0 || !p.Herald || len(refuse(p)) != 0 {
		t.Fatalf("%d copies besides %+v", casts, p)
	}
	p, casts = sent()
	if casts != 0 || p.Herald || p.Cast {
		t.Fatalf("%d copies besides %+v", casts, p)
	}
	if rs := refuse(p); len(rs) != 1 || !errors.Is(rs[0].Err, ErrNoRoom) || errors.Is(rs[0].Err, ErrOutcomeUnknown) {
		t.Fatalf("%+v", rs)
	}
	p, _ = sent()
	w.reply(p, partition.OutcomeOK)
	if _, casts = sent(); casts == 0 {
		t.Error("sent plainly although there is room")
	}
}

// A command that is refused for the whole horizon, since too much waits, was not
// executed; each copy goes to who refused the last, who coordinates. One copy
// without an answer, and nobody knows.
func TestBusyForLong(t *testing.T) {
	for _, lost := range []bool{false, true} {
		w := newWorld(t, 1)
		w.welcome(7)
		w.submit("a")
		var rs []Result
		asked, copies := map[ids.Process]int{}, 0
		for range 2 * horizon / time.Second {
			ps, to := w.proposals()
			for i := range ps {
				asked[to[i]]++
				if copies++; copies != 2 || !lost {
					w.Step(w.now, to[i], &ridge.Advice{Command: ps[i].Message.Command, Attempt: 1, Reason: ridge.Overloaded})
				}
			}
			w.after(time.Second)
			rs = append(rs, w.Results()...)
		}
		want := ErrBusy
		if lost {
			want = ErrOutcomeUnknown
		}
		if len(rs) != 1 || !errors.Is(rs[0].Err, want) || copies < 4 || (len(asked) == 1) == lost {
			t.Errorf("lost: %v; %+v; copies to %v", lost, rs, asked)
		}
	}
}
