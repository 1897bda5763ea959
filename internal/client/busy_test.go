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

// A command of which one copy was sent, and that refused for lack of room, has
// not been executed, and its caller hears so at once. Of one that was sent
// again nobody knows, but the reason is told.
func TestNoRoom(t *testing.T) {
	for _, resent := range []bool{false, true} {
		w := newWorld(t, 1)
		w.welcome(7)
		seq := w.submit("a")
		ps, to := w.proposals()
		if resent {
			w.after(time.Second)
			ps, to = w.proposals()
		}
		refuse := &ridge.Advice{Command: ps[0].Message.Command, Attempt: ps[0].Message.Attempt, Reason: ridge.NoRoom}
		w.Step(w.now, to[0], refuse)
		rs := w.Results()
		if resent {
			if len(rs) != 0 {
				t.Fatalf("a command with two copies on their way ended: %+v", rs)
			}
			w.after(w.cfg.Tuning.Horizon)
			rs = w.Results()
		}
		if len(rs) != 1 || rs[0].Sequence != seq || !errors.Is(rs[0].Err, ErrNoRoom) || errors.Is(rs[0].Err, ErrOutcomeUnknown) != resent {
			t.Errorf("resent: %v; %+v", resent, rs)
		}
		w.Step(w.now, to[0], refuse) // whatever else comes of it
	}
}
