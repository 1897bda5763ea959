package ridge

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// trim forgets what is no longer needed. Without checkpoints the learners'
// acknowledgements, carried by heartbeats, say what that is [N7]: never past
// what f+1 replicas of every subscribed partition have delivered.
//
// Whoever still needs what is forgotten is lost, so short of memory a process
// first waits for others: for all replicas while its log is less than half
// full, since a cut that heals must not cost one; then for those that are not
// suspected and do not lack what is forgotten already, if need be until
// proposals are refused at the cap, since a replica that is only slow catches
// up meanwhile; but for a log that has been pressed for long, for f+1 only,
// since a replica that stands still must not stop the rest.
func (e *ensemble) trim(now hlc.Now) {
	if e.self < 0 {
		return // a mere learner trims as it goes
	}
	fill := e.fill()
	switch {
	case fill < 0.5:
		e.pressedSince = never
	case fill >= 0.75 && e.pressedSince == never:
		e.pressedSince = now.Mono
	}
	pressed := e.pressedSince != never && now.Mono-e.pressedSince > 10*e.c.timeout
	mark := e.next - 1 // what this very process needs
	if pressed && fill >= 1 || mark < e.log.base {
		mark = e.log.end() // it is given up, or has been
	}
	// An acceptor that hears what others do not may trim first; its mark says
	// that f+1 replicas of every partition have delivered that much.
	var told ids.Instance
	for i := range e.acceptors() {
		told = max(told, e.members[i].item.Trim)
	}
	var room [16]ids.Instance
	for _, p := range e.spec.Partitions {
		acks := room[:0]
		for i := range e.members {
			m := &e.members[i]
			if m.partition != p {
				continue
			}
			ack := m.item.Delivered
			if m.process == e.c.cfg.Self {
				ack = e.delivered()
			}
			if fill < 0.5 || !pressed && !e.c.Suspected(m.process) && ack >= e.log.base {
				mark = min(mark, ack)
			}
			acks = append(acks, ack)
		}
		slices.Sort(acks)
		mark = min(mark, max(told, acks[len(acks)/2])) // f+1 are at or above
	}
	e.log.trim(mark)
}

// fill is how full the log is, 1 being as full as it may be.
func (e *ensemble) fill() float64 {
	t := &e.c.cfg.Tuning
	return max(float64(e.log.bytes)/float64(t.MaxLogBytes), float64(e.log.count)/float64(t.MaxLogCount))
}
