package partition

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// outbox holds what this partition has said about commands of several
// destinations, from their delivery until nobody needs it (page 4). In memory
// only an entry goes once it is finished here and every unsuspected replica,
// and at least f+1, of every other destination has finished it. While
// there is plenty of room it waits for suspected replicas too: one that finds
// its entry gone has fallen behind for good, and a cut or a pause that ends
// must not cost one. A durable replica's go by stable checkpoints; see
// finishedStably.
type outbox struct {
	line  line[*outgoing]
	bytes int // of finished entries
	// dropped is the highest position ever dropped; what is still held below
	// it is served.
	dropped ids.Position
	// finished are what the replicas of other partitions have finished.
	finished [][]Progress

	// What is to be told: shared[q] says that something was finished with
	// partition q since the last Progress to it.
	shared  []bool
	untold  int
	tellDue time.Duration // Never if there is nothing to tell
	// askDue is when the outbox asks for what may have been lost; it backs
	// off while nothing goes.
	askDue  time.Duration
	askWait time.Duration
	// heard counts the Progress since the outbox was last swept. Mostly an entry
	// goes when the last replica has told: to look at all of them whenever one has
	// would cost as many times as much.
	heard    int
	sweepDue time.Duration // Never if nothing was heard
	// floors are, of each partition, below what all its replicas have finished
	// everything; of the sweep under way.
	floors []ids.Position
	// unfinished is memory for Progress.Except.
	unfinished []ids.Position
}

const (
	// tellAfter finished commands are told at once: to all replicas of all that share
	// them, most of which hear nothing else of this one at the time.
	tellAfter = 1024
	askFirst  = time.Second
	askMost   = 30 * time.Second
	// An outbox of more entries is swept when all have told, or ProgressEvery
	// after the first has.
	sweepSmall = 64
	// patience is the share of the outbox, one in so many, that may be kept
	// for suspected replicas.
	patience = 8
	// patienceDurable is that of a durable replica, which keeps what has come
	// since the checkpoint before the last anyway.
	patienceDurable = 2
)

func newOutbox(replicas [][]ids.Process) outbox {
	o := outbox{shared: make([]bool, len(replicas)), tellDue: Never, askDue: Never, sweepDue: Never, askWait: askFirst}
	for _, list := range replicas {
		o.finished = append(o.finished, make([]Progress, len(list)))
	}
	o.floors = make([]ids.Position, len(replicas))
	return o
}

func (b *outbox) wake() time.Duration { return min(b.tellDue, b.askDue, b.sweepDue) }

// open adds the entry of a delivered command.
func (b *outbox) open(o *outgoing) { b.line.push(o) }

// retire is told when a command is finished here: from now on its entry may
// go, and its progress is to be told.
func (r *Replica) retire(o *outgoing) {
	b := &r.outbox
	o.finished, o.early, o.shipped = true, nil, nil
	if !r.config.Durable {
		r.toTell(o)
	}
	l := &r.state.changes
	if l.on { // others may keep theirs, if this one goes
		l.exchanges++
		l.size += o.bytes + 200
	}
	if r.needless(o, r.patient(0)) {
		r.dropEntry(o)
		b.line.removed(1)
		return
	}
	if l.on {
		l.outbox = append(l.outbox, o)
	}
	b.bytes += o.bytes + 200
	if b.askDue == Never {
		b.askWait = askFirst
		b.askDue = r.now.Mono + b.askWait
	}
}

// toTell notes that progress is to be told. A durable replica tells when a
// checkpoint has become stable.
func (r *Replica) toTell(o *outgoing) {
	b := &r.outbox
	for _, q := range o.dests {
		b.shared[q] = true
	}
	if b.untold++; b.untold >= tellAfter {
		r.tell()
	} else if b.tellDue == Never {
		b.tellDue = r.now.Mono + r.tuning.ProgressEvery
	}
}

// dropEntry drops a finished entry; the caller takes it out of the line.
func (r *Replica) dropEntry(o *outgoing) {
	b := &r.outbox
	o.dropped = true
	if l := &r.state.changes; o.kept && l.on {
		l.gone = append(l.gone, placeLabel(itemOutbox, o.Position))
	}
	if b.dropped.Less(o.Position) {
		b.dropped = o.Position
	}
}

// patient says whether the outbox has room to wait for suspected replicas when
// n entries have gone.
func (r *Replica) patient(n int) bool {
	b, share := &r.outbox, patience
	if r.config.Durable {
		share = patienceDurable
	}
	return b.line.live-n <= r.tuning.MaxOutbox/share && b.bytes <= r.tuning.MaxOutboxBytes/share
}

// needless says whether nobody needs an entry any more.
func (r *Replica) needless(o *outgoing, patient bool) bool {
	for _, q := range o.dests {
		if q != r.config.Partition && !r.finishedBy(q, o.Position, patient) {
			return false
		}
	}
	return true
}

// wholly says whether an entry is below all floors that matter.
func (r *Replica) wholly(o *outgoing) bool {
	for _, q := range o.dests {
		if q != r.config.Partition && !o.Position.Less(r.outbox.floors[q]) {
			return false
		}
	}
	return true
}

// finishedBy: every replica of q, or every unsuspected one and at least f+1.
func (r *Replica) finishedBy(q ids.Partition, p ids.Position, patient bool) bool {
	if r.config.Durable {
		return r.finishedStably(q, p, patient)
	}
	n := 0
	for i := range r.outbox.finished[q] {
		if r.outbox.finished[q][i].covers(p) {
			n++
		} else if patient || !r.suspected(r.config.Replicas[q][i]) {
			return false
		}
	}
	return n > len(r.outbox.finished[q])/2
}

// sweep drops what may go.
func (r *Replica) sweep() {
	b := &r.outbox
	for q, list := range b.finished {
		b.floors[q] = list[0].whole()
		for i := range list {
			if at := list[i].whole(); at.Less(b.floors[q]) {
				b.floors[q] = at
			}
		}
	}
	n := 0
	for _, o := range b.line.all() {
		if o.finished && !o.dropped && (r.wholly(o) || r.needless(o, r.patient(n))) {
			b.bytes -= o.bytes + 200
			r.dropEntry(o)
			n++
		}
	}
	b.line.removed(n)
	b.heard, b.sweepDue = 0, Never
	switch {
	case b.line.live == 0:
		b.askDue = Never
	case n > 0:
		b.askWait = askFirst
		b.askDue = r.now.Mono + b.askWait
	}
}
