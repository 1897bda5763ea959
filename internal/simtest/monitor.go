package simtest

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// monitor holds the checks made while a run goes on.
type monitor struct {
	c *cluster
	// digests[p] has the first digest seen of partition p's state at each
	// position, and whose it was.
	digests []map[ids.Position]digest
	// decided has the value of each decided instance, by whom it was learned.
	decided map[instance]learned
	rounds  map[place]ridge.Round
	// highest is the highest instance of each ensemble that anybody learned.
	highest map[ids.Ensemble]ids.Instance
	// ahead is how far a decided timestamp may be ahead of true time.
	ahead time.Duration
	// Lead is the furthest that one was.
	Lead    time.Duration
	Digests int                    // compared
	Agreed  int                    // instances compared
	Forgot  int                    // restarted processes that were refused
	Lost    int                    // processes that stopped because they had fallen behind
	lacked  map[ids.Partition]bool // a replica of it has needed another's state
	Amid    int                    // crashes of receivers and donors of a state
	Held    int                    // decided values that were seen to be durable
	peak    struct{ log, bytes, waiting, unfinished, outbox, held, heldBytes, segments, journal int }
}

type digest struct {
	value uint64
	by    ids.Process
}

type instance struct {
	e ids.Ensemble
	i ids.Instance
}

type learned struct {
	id ridge.ValueID
	by ids.Process
}

type place struct {
	p    ids.Process
	life int
	e    ids.Ensemble
}

func (m *monitor) init(c *cluster) {
	m.c = c
	m.digests = make([]map[ids.Position]digest, c.shape.Partitions)
	for p := range m.digests {
		m.digests[p] = map[ids.Position]digest{}
	}
	m.decided = map[instance]learned{}
	m.rounds = map[place]ridge.Round{}
	m.lacked = map[ids.Partition]bool{}
	m.highest = map[ids.Ensemble]ids.Instance{}
	// One acceptor of each quorum has a right clock, up to the ordinary skew,
	// and votes for nothing more than B ahead of it [R8]. Timestamps that are
	// raised to be unique add microseconds.
	m.ahead = c.shape.Ridge.MaxAhead + c.shape.Skew + 20*ms
}

// judged looks at the final timestamp of a delivery [R8].
func (m *monitor) judged(s *server, t hlc.Timestamp) {
	lead := t.Sub(start.Add(m.c.world.Now()))
	m.Lead = max(m.Lead, lead)
	if lead > m.ahead {
		m.c.fail(fmt.Errorf("time: process %d delivered timestamp %d, %v ahead of true time; B is %v",
			s.process, t, lead, m.c.shape.Ridge.MaxAhead))
	}
}

// learned compares what learners know to be decided: one value per instance.
func (m *monitor) learned(s *server, e ids.Ensemble, i ids.Instance, id ridge.ValueID) {
	m.highest[e] = max(m.highest[e], i)
	k := instance{e, i}
	first, ok := m.decided[k]
	if !ok {
		m.decided[k] = learned{id, s.process}
		if s.disk != nil {
			m.held(e, i, id)
		}
		return
	}
	m.Agreed++
	if first.id != id {
		m.c.fail(fmt.Errorf("agreement: instance %d of ensemble %d was decided as %+v for process %d and as %+v for process %d",
			i, e, first.id, first.by, id, s.process))
	}
}

// stepped looks at a replica after an input, now and then.
func (m *monitor) stepped(s *server) {
	if s.steps%8 == 0 {
		m.digest(s)
	}
	if s.steps%128 == 0 {
		m.status(s)
	}
}

// digest compares replicas of a partition at equal positions.
func (m *monitor) digest(s *server) {
	at, value, ok := s.node.Digest()
	if !ok {
		return
	}
	first, seen := m.digests[s.part][at]
	if !seen {
		m.digests[s.part][at] = digest{value, s.process}
		return
	}
	if first.by != s.process {
		m.Digests++
	}
	if first.value != value {
		m.c.fail(fmt.Errorf("digest: processes %d and %d of partition %d differ at %v: %x and %x",
			first.by, s.process, s.part, at, first.value, value))
	}
}

// status looks at bounds and at what must never fall.
func (m *monitor) status(s *server) {
	st := s.node.Status()
	t, p := &m.c.shape.Ridge, &m.c.shape.Partition
	bound := func(what string, peak *int, got, limit int) {
		*peak = max(*peak, got)
		if got > limit {
			m.c.fail(fmt.Errorf("bounds: %s is %d at process %d, at most %d", what, got, s.process, limit))
		}
	}
	if st.Transfer.Lacks != "" {
		m.lacking(s)
	}
	if len(st.Transfer.Serving) > 0 {
		m.lacked[s.part] = true // though the receiver did not live to show it
	}
	for i := range st.Ridge.Ensembles {
		e := &st.Ridge.Ensembles[i]
		k := place{s.process, s.life, e.Ensemble}
		if e.Round.Less(m.rounds[k]) {
			m.c.fail(fmt.Errorf("rounds: process %d fell from round %+v to %+v in ensemble %d", s.process, m.rounds[k], e.Round, e.Ensemble))
		}
		m.rounds[k] = e.Round
		if d := s.disk; d != nil && e.Stable > d.stable[e.Ensemble] {
			m.c.fail(fmt.Errorf("durability: process %d needs nothing of ensemble %d up to %d again, it says; the older of its checkpoints reaches up to %d",
				s.process, e.Ensemble, e.Stable, d.stable[e.Ensemble]))
		}
		bound("the log", &m.peak.log, e.LogCount, 2*t.MaxLogCount)
		// Twice by votes, and what an acceptor outside the chain learns until
		// heartbeats let it trim.
		bound("the log's bytes", &m.peak.bytes, e.LogBytes, 6*t.MaxLogBytes)
		bound("the coordinator's queue", &m.peak.waiting, e.Waiting, t.MaxWaiting)
	}
	bound("held copies", &m.peak.held, st.Ridge.Optimism.Held, t.MaxHeld)
	bound("held copies' bytes", &m.peak.heldBytes, st.Ridge.Optimism.HeldBytes, max(t.MaxHeldSize, 2*t.MaxMessage))
	bound("unfinished commands", &m.peak.unfinished, st.Replica.Unfinished, p.MaxUnfinished)
	bound("the outbox", &m.peak.outbox, st.Replica.Outbox, p.MaxOutbox+p.MaxUnfinished)
}

// stop judges a core that stops: one that forgot must, one whose disk failed may.
// Alone without a replica, one that fell too far behind may, too; if that leaves
// its partition without f+1, the cluster stands still from then on: only safety
// is checked, and the run counts as lost.
func (m *monitor) stop(s *server) {
	switch {
	case errors.Is(s.stopped, node.ErrForgotten) && s.forgetful:
		m.Forgot++
	case errors.Is(s.stopped, node.ErrOlder) && s.disk.spoiled != "": // and its peers knew
	case errors.Is(s.stopped, errDisk) && (s.disk.spoiled != "" || errors.Is(s.stopped, syscall.EIO)):
	case errors.Is(s.stopped, errDisk) && errors.Is(s.stopped, vfs.ErrFull) && s.driver.j.Durable() == 0: // it has not even begun
	case errors.Is(s.stopped, ridge.ErrLost) && m.c.shape.Bare != nil:
		m.Lost++
		m.c.lost = m.c.lost || m.c.down(s.part) > m.c.f()
	case errors.Is(s.stopped, partition.ErrStopped):
		m.c.fail(fmt.Errorf("stopped: process %d found an invariant broken: %w", s.process, s.stopped))
	default:
		m.c.fail(fmt.Errorf("stopped: process %d: %w", s.process, s.stopped))
	}
}
