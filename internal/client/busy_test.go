package client

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
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
