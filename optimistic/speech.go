package optimistic

import (
	"time"

	"github.com/eyrie-dev/eyrie/partition"
)

// speech is the optimistic replies that are to leave. One that finds none has left
// for a while leaves at once, those after it together, a small share of the time
// later that they come before the conservative ones: where many come, each write
// to a client, and its waking up, then serves several, and the processors have
// more time for the order.
type speech struct {
	held []*Reply
	// last is when some left, ahead how long before its turn a command has its
	// reply, smoothed.
	last  time.Duration
	ahead time.Duration
}

const (
	// speechShare of the time gained is what a reply waits for others, maxSpeech at
	// most; maxHeld replies do not wait.
	speechShare = 8
	maxSpeech   = time.Millisecond
	maxHeld     = 64
)

// turned takes note of a command that has its turn so long after its reply.
func (s *speech) turned(d time.Duration) { s.ahead += (d - s.ahead) / 16 }

// wait is how long a reply waits for others, at most.
func (s *speech) wait() time.Duration { return min(s.ahead/speechShare, maxSpeech) }

// due is when what is held leaves.
func (s *speech) due() time.Duration { return s.last + s.wait() }

// wake is when a Tick has what is held leave, if nothing else comes before: later
// than it is due, since mostly something does.
func (s *speech) wake() time.Duration {
	if len(s.held) == 0 {
		return partition.Never
	}
	return s.due() + s.wait()/2
}

// speak sends what is due.
func (m *Machine) speak() {
	if s := &m.speech; len(s.held) > 0 && (m.now.Mono >= s.due() || len(s.held) >= maxHeld) {
		m.speakNow()
	}
}

func (m *Machine) speakNow() {
	s := &m.speech
	s.last = m.now.Mono
	for i, r := range s.held {
		m.r.Reply(r.Command.Client, r)
		s.held[i] = nil
	}
	s.held = s.held[:0]
}

// speakBefore has what is held leave if it has the reply to a command whose turn is
// next: it is not to come behind the conservative one.
func (m *Machine) speakBefore(d *partition.Delivery) {
	if len(m.speech.held) == 0 {
		return
	}
	if e := m.table.find(d.Command, d.Attempt); e != nil && e.sent && e.said >= m.speech.last {
		m.speakNow()
	}
}
