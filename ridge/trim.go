package ridge

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// patientTimeouts: a log that is short of room waits for slow replicas for so
// many failure timeouts.
const patientTimeouts = 3

// trim forgets what is no longer needed. Without checkpoints the learners'
// acknowledgements, carried by heartbeats, say what that is [N7]: never past
// what f+1 replicas of every subscribed partition have delivered. In durable mode
// it is what f+1 replicas' stable checkpoints cover [C4], of which these lack
// nothing, or those of all replicas; see Core.Whole.
//
// Whoever still needs what is forgotten is lost, so an acceptor keeps for the
// others what it has room for: half of its log for those that are suspected,
// since a cut that heals must not cost a replica; all of it for those that are
// not, if need be until proposals are refused at the cap, since a replica that
// is only slow catches up meanwhile. But one that stands still must not stop
// the rest: a log that has been pressed for long keeps three quarters for it.
// For whom it is too late already, nothing is kept but, in half of the log, what
// follows the state that it fetches from another replica.
func (e *ensemble) trim(now hlc.Now) {
	e.acked = false
	if e.self < 0 {
		return // a mere learner trims as it goes
	}
	switch fill := e.fill(); {
	case fill < 0.5:
		e.pressedSince = never
	case fill >= 0.75 && e.pressedSince == never:
		e.pressedSince = now.Mono
	}
	pressed := e.pressedSince != never && now.Mono-e.pressedSince > patientTimeouts*e.c.timeout
	quorum, heard, all := e.marks(pressed)
	e.log.trim(all)
	e.slide(heard, 0.5)
	if pressed {
		e.slide(quorum, 0.75)
	}
	if e.next > e.log.base+ids.Instance(e.log.limit)/2 {
		// Jump went far beyond the log, which would have no room for what follows.
		e.log.trim(min(e.told(), e.next-1))
	}
	e.mark()
}

// slide forgets up to mark, but no more than makes the log less full than fill.
func (e *ensemble) slide(mark ids.Instance, fill float64) {
	for e.log.base < mark && e.log.count > 0 && e.fill() >= fill {
		e.log.trim(e.log.base + 1)
	}
}

// marks are what f+1 replicas of every partition have delivered, and besides
// all that are not suspected, and besides all others for which it is not too
// late.
func (e *ensemble) marks(pressed bool) (quorum, heard, all ids.Instance) {
	quorum = e.next - 1 // what this very process needs
	if e.c.cfg.Durable {
		quorum = e.stable
	}
	if quorum < e.log.base || e.lost {
		quorum = e.awaited // it goes on from there, if at all
	}
	if pressed && e.fill() >= 1 || quorum < e.log.base {
		quorum = e.log.end() // it is given up, or has been
	}
	heard, all = quorum, quorum
	told := e.told()
	var room, roomToo [16]ids.Instance
	for _, p := range e.spec.Partitions {
		acks, wholes := room[:0], roomToo[:0]
		for i := range e.members {
			m := &e.members[i]
			if m.partition != p {
				continue
			}
			ack, whole := e.ack(&m.item), m.item.Whole
			if m.process == e.c.cfg.Self {
				ack, whole = e.ownAck(), e.whole
			}
			if !e.c.cfg.Durable {
				whole = ack
			}
			acks, wholes = append(acks, ack), append(wholes, whole)
			switch needs := m.item.Needs; {
			case ack < e.log.base && needs >= e.log.base && m.process != e.c.cfg.Self:
				all = min(all, needs) // it catches up, or fetches a state
			case ack < e.log.base:
			case e.c.Suspected(m.process):
				all = min(all, ack)
			default:
				heard = min(heard, ack)
			}
		}
		slices.Sort(wholes)
		enough := wholes[len(wholes)/2] // f+1 are at or above
		quorum = min(quorum, max(told, enough, slices.Min(acks)))
	}
	heard = min(heard, quorum)
	return quorum, heard, min(all, heard)
}

// told is the highest trim mark of an acceptor. One that hears what others do not
// may trim first; its mark says that f+1 replicas of every partition have no need
// of what is below.
func (e *ensemble) told() (told ids.Instance) {
	for i := range e.acceptors() {
		told = max(told, e.members[i].item.Trim)
	}
	return told
}

// ack is up to where a replica that reported it needs nothing any more. One that
// remembers starts again from the older of its checkpoints, at worst, and needs
// all that comes after that.
func (e *ensemble) ack(it *heartbeatItem) ids.Instance {
	if e.c.cfg.Durable {
		return it.Stable
	}
	return it.Delivered
}

// ownAck is this process's own.
func (e *ensemble) ownAck() ids.Instance {
	if e.c.cfg.Durable {
		return e.stable
	}
	return e.delivered()
}

// fill is how full the log is, 1 being as full as it may be.
func (e *ensemble) fill() float64 {
	t := &e.c.cfg.Tuning
	return max(float64(e.log.bytes)/float64(t.MaxLogBytes), float64(e.log.count)/float64(t.MaxLogCount))
}
