package simtest

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// ratchet is what a rogue client does that pushes time: it follows the
// ensembles' time, not the physical one, and stamps each command just below
// W ahead of it, so that every command is admitted. Where the clamp lies
// around anything but physical clocks, each moves the ensemble ahead [R8].
// Nobody tells clients how far nulls and others' timestamps are ahead, so it
// takes each answer as a sign that time has come as far as its last stamp,
// until it is told that it is early.
type ratchet struct {
	ahead   time.Duration
	learned hlc.Timestamp // the latest word on ensemble time, down as well as up
	stamped ids.Sequence  // commands up to this one have their T0
	top     hlc.Timestamp // the highest of them
}

// hear takes the time from whatever tells it.
func (r *ratchet) hear(m wire.Message) {
	switch m := m.(type) {
	case *ridge.Advice:
		if m.Time > 0 {
			r.learned, r.top = m.Time, 0
		}
	case *partition.Confirmation:
		r.learned = max(r.learned, m.Time, r.top)
	case *partition.Reply:
		r.learned = max(r.learned, m.Time, r.top)
	}
}

// stamp changes a command's T0 before its first copy leaves: later copies and
// attempts keep it, as everybody's do.
func (r *ratchet) stamp(s *client.Send) {
	p, ok := s.Msg.(*ridge.Propose)
	if !ok || p.Message.Command.Sequence <= r.stamped {
		return
	}
	r.stamped = p.Message.Command.Sequence
	if r.learned > 0 {
		p.Message.T0 = r.learned.Add(r.ahead)
		r.top = p.Message.T0
	}
}
