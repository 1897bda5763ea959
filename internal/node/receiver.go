package node

import (
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
)

// receiver fetches a state when this replica lacks what nobody keeps any more:
// instances that are trimmed at all acceptors, or what another partition sent.
//
// While it is active nothing is delivered and reads are refused. All else goes
// on: the process accepts and coordinates, and its old replica answers the
// questions of other partitions. At the end the replica is replaced.
type receiver struct {
	n         *Node
	phase     phase
	why       string
	after     time.Duration // no new start before
	gap       time.Duration // between starts, doubling
	ended     time.Duration // when the last state was taken over
	turn      int           // among those to ask
	asked     int           // without an answer that helps, since the last pause
	next      time.Duration // when it is to act
	exhausted bool          // all were asked, and nobody could help
	fresh     bool          // a state was refused that was older than its need
	counts    transferCounts

	from     ids.Process
	transfer uint64
	base     uint64        // the donor's number of a state that is here already
	began    time.Duration // with this one
	heard    time.Duration // a word of this transfer
	moved    time.Duration // the last chunk was taken
	bad      int           // damaged chunks since then
	wait     time.Duration // between repetitions

	manifest *Manifest
	builder  *partition.Builder
	number   uint64 // under which it is stored here
	// chunks are those from taken on that have come.
	chunks [maxOutstanding]*Chunk
	taken  uint32 // chunks below were taken
	until  uint32 // chunks below may be sent
	grant  time.Duration
	// storing are the Installs under way, or the Commit.
	storing map[uint64]bool
	items   uint64
	bytes   uint64
	built   *partition.Replica
	scratch []partition.StateItem
	part    []byte // of items that go on in the next chunk
	stores  bool   // an Install was given
}

type phase uint8

const (
	whole      phase = iota // nothing is lacking
	pausing                 // before it asks (again)
	asking                  // for an offer
	fetching                // chunks
	committing              // the state is complete and becomes durable
)

type transferCounts struct {
	started, failed, completed uint64
	damaged                    uint64 // chunks that were not what was sent
	refused                    uint64 // offers and chunks that make no sense
	overtaken                  uint64 // states that were complete too late
}

const (
	// Starts are gapFirst apart at first, and gapMost at most: a replica that
	// always comes too late must not occupy the others.
	gapFirst = 2 * time.Second
	gapMost  = 30 * time.Second
	// quietTimeouts failure timeouts without a word make a receiver look for
	// another donor.
	quietTimeouts = 3
	// stuckTimeouts failure timeouts without a chunk that serves do so too, as do
	// badMost damaged ones in between.
	stuckTimeouts = 20
	badMost       = 4
	// maxItem bounds what is put together of chunks.
	maxItem = 1 << 30
	// makingMost is how long a donor may take to make a checkpoint.
	makingMost = 2 * time.Minute
)

func (r *receiver) active() bool { return r.phase != whole }

// check starts a transfer if the replica cannot go on.
func (r *receiver) check() {
	n := r.n
	if r.active() || n.Err() != nil {
		return
	}
	if r.why = r.lacking(); r.why == "" {
		return
	}
	if r.counts.completed > 0 && n.now.Mono-r.ended > 2*gapMost {
		r.gap = 0
	}
	n.donor.endAll()
	n.replica.RefuseReads()
	r.pause()
}

// lacking says what this replica lacks for good; nothing, if it can go on.
func (r *receiver) lacking() string {
	if lost := r.n.ridge.Lost(); len(lost) > 0 {
		return fmt.Sprintf("instances of ensemble %d below %d are trimmed everywhere", lost[0].Ensemble, lost[0].Instance)
	}
	_, why := r.n.replica.NeedState()
	return why
}

// pause waits until a new start may be made.
func (r *receiver) pause() {
	r.drop()
	r.phase, r.asked = pausing, 0
	r.next = max(r.n.now.Mono, r.after)
}

// need is what a state must have for this replica.
func (r *receiver) need() Need {
	lost := r.n.ridge.Lost()
	stuck, _ := r.n.replica.NeedState()
	return Need{Key: r.n.ridge.Positions().Key, At: lost, Fresh: stuck || r.fresh}
}

// timeout is how long a donor may be silent before the question is repeated.
func (r *receiver) timeout() time.Duration { return r.n.cfg.Ridge.FailureTimeout / 4 }

func (r *receiver) tick() {
	if !r.active() || r.n.now.Mono < r.next {
		return
	}
	switch r.phase {
	case pausing:
		r.ask()
	case asking:
		r.askAgain()
	case fetching:
		r.fetchAgain()
	case committing:
		r.next = partition.Never
	}
}

// ask asks the next replica of the partition that is not suspected.
func (r *receiver) ask() {
	n := r.n
	if why := r.lacking(); why == "" {
		r.phase = whole // somebody had it after all
		return
	}
	peers := n.cfg.Topology.Replicas[n.partition]
	for range peers {
		p := peers[r.turn%len(peers)]
		if r.turn++; p == n.cfg.Self || n.ridge.Suspected(p) {
			continue
		}
		if r.asked++; r.asked >= len(peers) {
			break
		}
		r.from, r.transfer = p, n.cfg.Random()
		r.phase, r.began, r.heard, r.wait = asking, n.now.Mono, n.now.Mono, r.timeout()
		r.want()
		return
	}
	r.phase, r.asked, r.exhausted = pausing, 0, true
	r.next = max(n.now.Mono+gapFirst, r.after)
}

func (r *receiver) want() {
	r.n.send(ids.To(r.from), &Want{Transfer: r.transfer, Base: r.base, Need: r.need()})
	r.next = r.n.now.Mono + r.wait
}

func (r *receiver) askAgain() {
	now := r.n.now.Mono
	if now-r.heard > r.n.cfg.Ridge.FailureTimeout || now-r.began > makingMost || r.n.ridge.Suspected(r.from) {
		r.unanswered()
		return
	}
	r.want()
}

// step takes a message of the process that is asked; others are strange.
func (r *receiver) step(from ids.Process, m wire.Message) {
	switch m := m.(type) {
	case *Decline:
		if r.mine(from, m.Transfer) {
			r.declined(m.Why)
		}
	case *Offer:
		if r.mine(from, m.Transfer) && r.phase == asking {
			r.offered(m.Manifest)
		}
	case *Chunk:
		if r.mine(from, m.Transfer) && r.phase == fetching {
			r.chunk(m)
		}
	}
}

// mine says whether a message belongs to the transfer under way. Others are
// late and of no use.
func (r *receiver) mine(from ids.Process, transfer uint64) bool {
	if (r.phase != asking && r.phase != fetching) || from != r.from || transfer != r.transfer {
		return false
	}
	r.heard = r.n.now.Mono
	return true
}

func (r *receiver) declined(why Reason) {
	switch {
	case r.phase == fetching && why != Making:
		r.failed()
	case r.phase == fetching: // it has no chunk yet
	case why != Making:
		r.unanswered()
	}
}

// unanswered turns to the next donor. What is here of another one's is of no
// use then.
func (r *receiver) unanswered() {
	if r.base != 0 {
		r.failed()
		return
	}
	r.ask()
}

// failed gives a transfer up. The next begins from scratch, with another donor
// if there is one.
func (r *receiver) failed() {
	r.counts.failed++
	r.pause()
}

// drop forgets what has been received of a transfer.
func (r *receiver) drop() {
	if r.built != nil {
		r.built.Close()
	}
	r.manifest, r.builder, r.built = nil, nil, nil
	clear(r.chunks[:])
	clear(r.storing)
	r.base, r.taken, r.until, r.items, r.bytes, r.grant, r.bad = 0, 0, 0, 0, 0, 0, 0
	r.part, r.stores = nil, false
}

// adopt puts the state in place of the replica's.
func (r *receiver) adopt() {
	n := r.n
	built, m := r.built, r.manifest
	r.built = nil
	r.drop()
	r.phase, r.fresh = whole, false
	r.counts.completed++
	r.ended = n.now.Mono
	n.replica.Close()
	n.use(built)
	n.ridge.Jump(m.Positions)
	if n.cfg.Durable {
		n.keeper.adopted(n, m)
	}
}
