package ridge

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// trim forgets what is no longer needed. Without checkpoints the learners'
// acknowledgements, carried by heartbeats, say what that is [N7]: never past
// what f+1 replicas of every subscribed partition have delivered. A log that
// is less than half full waits for all replicas, since a cut that heals must
// not cost one; less than three quarters full, for those not suspected; and
// one that is not full never passes what this process itself has taken.
func (e *ensemble) trim() {
	if e.self < 0 {
		return // a mere learner trims as it goes
	}
	t := &e.c.cfg.Tuning
	fill := max(float64(e.log.bytes)/float64(t.MaxLogBytes), float64(e.log.count)/float64(t.MaxLogCount))
	mark := e.next - 1
	if fill >= 1 {
		mark = e.log.end()
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
			if fill < 0.5 || fill < 0.75 && !e.c.Suspected(m.process) {
				mark = min(mark, ack)
			}
			acks = append(acks, ack)
		}
		slices.Sort(acks)
		mark = min(mark, acks[len(acks)/2]) // f+1 are at or above
	}
	e.log.trim(mark)
}
