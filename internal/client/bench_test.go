package client

import (
	"fmt"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/partition"
)

// BenchmarkCommand is a command's way through the core: submitted, sent,
// answered.
func BenchmarkCommand(b *testing.B) {
	for _, outstanding := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint(outstanding), func(b *testing.B) {
			w := newWorld(nil, 1)
			w.cfg.Tuning.Window, w.cfg.Tuning.Span = outstanding, 4*outstanding
			w.Step(w.now, 1, &session.Welcome{Life: 7, Time: start})
			arg, reply := make([]byte, 100), &partition.Reply{Attempt: 1, Outcome: partition.OutcomeOK}
			reply.Command.Client = ids.Client{1}
			b.ReportAllocs()
			for i := range b.N + outstanding {
				if i >= outstanding {
					reply.Command.Sequence = ids.Sequence(i - outstanding + 1)
					w.Step(w.now, 1, reply)
					w.Results()
				}
				if _, err := w.Submit(w.now, 0, arg, nil); err != nil {
					b.Fatal(err)
				}
				w.Sends()
			}
		})
	}
}
