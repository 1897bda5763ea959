package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
)

// ErrOlder means that the process's directory is older than what it has told
// others: a backup was put in its place, or the disk lost what it said it had.
// It has forgotten votes that others may have counted.
var ErrOlder = errors.New("this process's directory is older than the process was: others have heard of records that its journal does not have; " +
	"give it the newest directory or, if that is lost, remove this one and have the process replaced with `eyrie replace`")

// witness is the one check on a directory that is consistent in itself, but
// old. Every durable process tells the other replicas of its partition how far
// its journal is durable; they remember the highest they heard. One that starts
// again asks them, and takes part in nothing before f of them have answered
// that they have not heard of more than it has.
//
// It is all that can be had: f others and this process are a quorum, which must
// be able to go on alone; and after a power cut of everything nobody remembers.
type witness struct {
	n     *Node
	peers []peerJournal
	// base is where the journal ended at the start, durable where it ends now.
	base, durable uint64
	told          uint64
	tellAt        time.Duration
	asking        bool
}

// peerJournal is what is known of another replica's journal.
type peerJournal struct {
	process     ids.Process
	incarnation ids.Incarnation
	durable     uint64 // the highest heard
	answered    bool
}

// Journal tells how far the sender's journal is durable and how far it has
// heard that the receiver's is. Ask wants an answer.
type Journal struct {
	Durable, Heard uint64
	Ask, Answer    bool
}

const tellEvery = time.Second

func (w *witness) init(n *Node, base uint64) {
	w.n, w.base, w.durable, w.told = n, base, base, base
	for _, p := range n.cfg.Topology.Replicas[n.partition] {
		if p != n.cfg.Self {
			w.peers = append(w.peers, peerJournal{process: p})
		}
	}
	// Only what had been founded before may have told anything.
	w.asking = n.founding.founded && len(w.peers) > 0
	n.founding.waits = w.asking
}

// Synced says up to which sequence the journal is durable, by its own count.
func (n *Node) Synced(sequence uint64) { n.witness.durable = max(n.witness.durable, sequence) }

func (w *witness) wake() time.Duration {
	if w.durable > w.told && len(w.peers) > 0 {
		return w.tellAt
	}
	return partition.Never
}

func (w *witness) tick() {
	now := w.n.now.Mono
	switch {
	case w.asking: // as often as founding ticks
	case now < w.wake():
		return
	default:
		w.told, w.tellAt = w.durable, now+tellEvery
	}
	for i := range w.peers {
		if p := &w.peers[i]; !w.asking || !p.answered {
			w.send(p, w.asking, false)
		}
	}
}

func (w *witness) send(p *peerJournal, ask, answer bool) {
	durable := w.durable
	if w.asking {
		// What the journal has written since, as it tidies up, others would take for
		// what it has lost: their answers say what they have heard, in whichever life.
		durable = w.base
	}
	w.n.send(ids.To(p.process), &Journal{Durable: durable, Heard: p.durable, Ask: ask, Answer: answer})
}

// step takes what another replica says. It answers also while it asks itself:
// all may have started at once.
func (w *witness) step(from ids.Process, inc ids.Incarnation, m *Journal) {
	i := slices.IndexFunc(w.peers, func(p peerJournal) bool { return p.process == from })
	if i < 0 {
		w.n.strange++
		return
	}
	p := &w.peers[i]
	if p.incarnation != inc {
		p.incarnation, p.durable = inc, 0 // its successor begins anew
	}
	if m.Ask {
		w.send(p, false, true)
	}
	p.durable = max(p.durable, m.Durable)
	if !w.asking || !m.Answer {
		return
	}
	if m.Heard > w.base {
		w.n.fail(fmt.Errorf("%w: process %d has heard of record %d, the journal ends with %d", ErrOlder, from, m.Heard, w.base))
		return
	}
	p.answered = true
	n := 0
	for i := range w.peers {
		if w.peers[i].answered {
			n++
		}
	}
	if n >= len(w.peers)/2 { // f of 2f
		w.asking = false
		w.n.founding.witnessed()
	}
}

func (*Journal) Kind() wire.Kind { return KindJournal }

func (m *Journal) Append(b []byte) []byte {
	b = wire.AppendUint64(wire.AppendUint64(b, m.Durable), m.Heard)
	return wire.AppendBool(wire.AppendBool(b, m.Ask), m.Answer)
}

func readJournal(r *wire.Reader) *Journal {
	return &Journal{Durable: r.Uint64(), Heard: r.Uint64(), Ask: r.Bool(), Answer: r.Bool()}
}
