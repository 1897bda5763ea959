package ridge

import (
	"math"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// never is a due time that does not come.
const never = time.Duration(math.MaxInt64)

// ensemble is one process's part in one ensemble: always a learner, perhaps
// an acceptor, perhaps the coordinator.
type ensemble struct {
	c    *Core
	spec *EnsembleSpec
	id   ids.Ensemble
	// quorum is f+1.
	quorum int
	// self is this process's index among the acceptors, or -1.
	self int
	// members are the learners, this process included; acceptors come first,
	// in the order of spec.Acceptors.
	members []member
	log     instanceLog

	// promised is the acceptor's rnd. Invariant: it never falls, and no vote
	// is cast in a round below it.
	promised Round

	// dirty is the number of the ensemble's last record. marked is the trim mark
	// that the state record markedAt tells, firm the highest that is durable, and
	// forgotten the one that the journal has been told.
	dirty, markedAt         uint64
	marked, firm, forgotten ids.Instance
	pending                 pending

	// known is the highest round heard of, since knownSince; its coordinator
	// is whom this process believes in. Invariant: promised <= known.
	known      Round
	knownSince time.Duration
	// complains: this acceptor thinks that nobody works on known.
	complains  bool
	takeoverAt time.Duration

	// next is the first instance not yet handed to the merge.
	next ids.Instance
	// seen is the highest instance known to be decided by somebody.
	seen ids.Instance
	gap  gap
	// pressedSince: the log has been short of room since then.
	pressedSince time.Duration
	// acked: somebody has delivered more since the last trim.
	acked bool
	// lostSince: f+1 acceptors have not had instance lostNext since then,
	// which is lacked here.
	lostSince time.Duration
	lostNext  ids.Instance
	// lost: it must be taken from another replica's state.
	lost bool
	// stable is the last instance that the older of this replica's two durable
	// checkpoints covers.
	stable ids.Instance
	// whole is as far as a checkpoint reaches of which nothing is lacked; see
	// Core.Whole.
	whole ids.Instance
	// awaited is where a state ends that is being fetched.
	awaited ids.Instance

	// concludedAt is when this process, as the end of a chain, last was the
	// first to know of a decision.
	concludedAt time.Duration
	// part is how many, of late, of the messages delivered here were this ensemble's.
	part float64

	// changes are the members that were replaced, mutes how many acceptors have no
	// vote. mute: neither has this process, blind: nor any knowledge up to it.
	changes Members
	mutes   int
	mute    bool
	blind   ids.Instance
	// held: everything up to it is held here, durably (see keep); heldSaved is what
	// the state record heldAt tells of it, heldTold what the last durable one does.
	held, heldSaved, heldTold ids.Instance
	heldAt                    uint64

	stream stream
	past   past
	// close: its acceptors are near.
	close  bool
	quiet  quiet
	lead   leader
	reader reader
	// parked are values that wait for payloads.
	parked []parked
}

// member is what a process knows of a learner of an ensemble.
type member struct {
	process   ids.Process
	partition ids.Partition
	// peer is nil for this process itself.
	peer *peer
	// item is its last report about this ensemble, once it has reported.
	item     heartbeatItem
	reported bool
	accepts  bool
	// incarnation is that of a process which was replaced; mute: it has no vote.
	incarnation  ids.Incarnation
	mute         bool
	distribution distribution
	short        shortage
}

func newEnsemble(c *Core, spec *EnsembleSpec) *ensemble {
	e := &ensemble{
		c: c, spec: spec, id: spec.ID,
		quorum:     len(spec.Acceptors)/2 + 1,
		self:       slices.Index(spec.Acceptors, c.cfg.Self),
		takeoverAt: never,
		next:       1,
	}
	e.log.limit = 2 * c.cfg.Tuning.MaxLogCount
	e.gap.at, e.lostSince, e.pressedSince = never, never, never
	e.stream.init(e)
	e.lead.init()
	for _, p := range spec.Acceptors {
		e.addMember(p)
	}
	for _, p := range c.cfg.Topology.learners(spec) {
		if !slices.Contains(spec.Acceptors, p) {
			e.addMember(p)
		}
	}
	e.close = e.members[0].partition == c.partition
	e.changes.Ensemble = e.id
	e.place()
	e.gap.lag.before = c.patience() * time.Duration(len(e.members)) / 32
	return e
}

func (e *ensemble) addMember(p ids.Process) {
	partition, _ := e.c.cfg.Topology.partitionOf(p)
	e.members = append(e.members, member{process: p, partition: partition, peer: e.c.peers[p], accepts: e.acceptor(p) >= 0})
}

// acceptors are the members that accept.
func (e *ensemble) acceptors() []member { return e.members[:len(e.spec.Acceptors)] }

// acceptor is the index of p among the acceptors, or -1.
func (e *ensemble) acceptor(p ids.Process) int { return slices.Index(e.spec.Acceptors, p) }

// member finds a learner, or nil.
func (e *ensemble) member(p ids.Process) *member {
	for i := range e.members {
		if e.members[i].process == p {
			return &e.members[i]
		}
	}
	return nil
}

// coordinator is whom this process believes to coordinate. Before any round
// it is the first acceptor.
func (e *ensemble) coordinator() ids.Process {
	if e.known.IsZero() {
		return e.spec.Acceptors[0]
	}
	return e.known.Coordinator
}

// note takes notice of a round. A coordinator that hears of a higher one
// steps down.
func (e *ensemble) note(now hlc.Now, r Round) {
	if !e.known.Less(r) || e.acceptor(r.Coordinator) < 0 || r.Version() > e.version() {
		return // of members not known here: it will be told who they are
	}
	e.known, e.knownSince = r, now.Mono
	e.takeoverAt = never
	e.complains = false
	if e.reader.asked {
		// The new coordinator is to have the question.
		e.c.asking.at, e.c.asking.tries = now.Mono, 1
	}
	if e.lead.phase != idle && e.lead.round.Less(r) {
		e.stepDown()
	}
}

// validChain says whether ps can be a round's chain: f+1 different acceptors that
// have a vote.
func (e *ensemble) validChain(ps []ids.Process) bool {
	if len(ps) != e.quorum {
		return false
	}
	for i, p := range ps {
		if !e.hasVote(e.acceptor(p)) || slices.Contains(ps[:i], p) {
			return false
		}
	}
	return true
}

// settle does what an input made possible or due.
func (e *ensemble) settle(now hlc.Now) {
	e.tell()
	if e.acked && e.log.bytes > tellBytes {
		e.trim(now)
	}
	e.repair(now)
	e.supervise(now)
	e.pump(now)
	if e.lead.reform { // this process's own acceptor refused
		e.supervise(now)
		e.pump(now)
	}
}

// tick does what only time makes due.
func (e *ensemble) tick(now hlc.Now) {
	e.elect(now)
	e.trim(now)
	e.keep()
	e.dropParked()
	e.checkReachable(now)
}

// wake is the earliest time at which settle has something to do.
func (e *ensemble) wake() time.Duration {
	return min(e.gap.at, e.takeoverAt, e.stream.askAt, e.lead.wake())
}
