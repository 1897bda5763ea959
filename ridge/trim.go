package ridge

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// trim forgets what is no longer needed. Without checkpoints the learners'
// acknowledgements, carried by heartbeats, say what that is [N7]:
// never past what f+1 replicas of every subscribed partition have delivered;
// while the log is less than half full, not past any unsuspected replica; and,
// while it is not full, not past what this process itself has taken.
func (e *ensemble) trim() {
	if e.self < 0 {
		return // a mere learner trims as it goes
	}
	t := &e.c.cfg.Tuning
	mark := e.next - 1
	if e.log.bytes >= t.MaxLogBytes || e.log.count >= t.MaxLogCount {
		mark = e.log.end()
	}
	roomy := e.log.bytes < t.MaxLogBytes/2 && e.log.count < t.MaxLogCount/2
	var acks []ids.Instance
	for _, p := range e.spec.Partitions {
		acks = acks[:0]
		for i := range e.members {
			m := &e.members[i]
			if m.partition != p {
				continue
			}
			ack := m.item.Delivered
			if m.process == e.c.cfg.Self {
				ack = e.delivered()
			}
			if roomy && !e.c.Suspected(m.process) {
				mark = min(mark, ack)
			}
			acks = append(acks, ack)
		}
		slices.Sort(acks)
		mark = min(mark, acks[len(acks)/2]) // f+1 are at or above
	}
	e.log.trim(mark)
}
