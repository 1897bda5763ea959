package bench

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// storeMachine applies deliveries to a Store, as the peers' nodes do. It completes
// those of its own program's proposer, and answers those of others on the
// network where that is this replica's part.
type storeMachine struct {
	self     ids.Process
	replicas []ids.Process
	home     ids.Partition
	local    *localProposer // or nil
	state    *Store
	done     []doneOp  // of local, scratch
	ready    []uint32  // of local, scratch
	answers  []*answer // not yet sent, one for each proposer
	sends    []node.Send
}

func newStoreMachine(self ids.Process, replicas []ids.Process, home ids.Partition) *storeMachine {
	return &storeMachine{self: self, replicas: replicas, home: home, state: new(Store)}
}

func (m *storeMachine) Room() int { return 1 << 10 }

func (m *storeMachine) Deliver(_ hlc.Now, ds []ridge.Delivery) {
	for i := range ds {
		if b := ds[i].Message.Body; len(b) >= opHead {
			m.state.Put(binary.LittleEndian.Uint32(b), b[opHead:])
		}
	}
	for i := range ds {
		b, c := ds[i].Message.Body, &ds[i].Message.Command
		if len(b) < opHead {
			continue
		}
		done := doneOp{slot: binary.LittleEndian.Uint32(b[4:]), sequence: c.Sequence}
		switch {
		case m.local != nil && c.Client == m.local.id:
			m.done = append(m.done, done)
		case isLocal(c.Client): // completed elsewhere
		case m.answerer(&ds[i]):
			m.answer(c.Client, done)
		}
	}
	if len(m.done) > 0 {
		m.ready = m.local.complete(m.done, m.ready[:0])
		m.local.finish(m.ready)
		m.done = m.done[:0]
	}
}

// answerer says whether this replica answers: at the first destination, the one
// that learned of the order first, else the first replica.
func (m *storeMachine) answerer(d *ridge.Delivery) bool {
	if d.Message.Dests[0] != m.home {
		return false
	}
	if slices.Contains(m.replicas, d.Nearest) {
		return d.Nearest == m.self
	}
	return m.self == m.replicas[0]
}

func (m *storeMachine) answer(c ids.Client, d doneOp) {
	for _, a := range m.answers {
		if a.to == c {
			a.done = append(a.done, d)
			return
		}
	}
	m.answers = append(m.answers, &answer{to: c, done: []doneOp{d}})
}

func (m *storeMachine) Sends() []node.Send {
	m.sends = m.sends[:0]
	for _, a := range m.answers {
		m.sends = append(m.sends, node.Send{To: ids.ToClient(a.to), Msg: a})
	}
	clear(m.answers)
	m.answers = m.answers[:0]
	return m.sends
}

func (m *storeMachine) Step(hlc.Now, ids.Process, wire.Message) {}
func (m *storeMachine) Tick(hlc.Now)                            {}
func (m *storeMachine) Wake() time.Duration                     { return 1<<63 - 1 }
func (m *storeMachine) Err() error                              { return nil }
func (m *storeMachine) Close()                                  {}

// answer tells a proposer on the network which of its messages a replica was
// delivered.
type answer struct {
	to   ids.Client
	done []doneOp
}

type doneOp struct {
	slot     uint32
	sequence ids.Sequence
	early    bool // delivered optimistically
}

const kindAnswer wire.Kind = 0xf0

func (*answer) Kind() wire.Kind { return kindAnswer }

func (a *answer) Append(b []byte) []byte {
	b = wire.AppendUvarint(b, uint64(len(a.done)))
	for _, d := range a.done {
		word := uint64(d.sequence) << 1
		if d.early {
			word |= 1
		}
		b = wire.AppendUint64(wire.AppendUint32(b, d.slot), word)
	}
	return b
}

func decodeAnswer(_ wire.Kind, body []byte) (wire.Message, error) {
	r := wire.NewReader(body)
	a := &answer{done: make([]doneOp, r.Count(12))}
	for i := range a.done {
		slot, word := r.Uint32(), r.Uint64()
		a.done[i] = doneOp{slot, ids.Sequence(word >> 1), word&1 > 0}
	}
	return a, r.Done()
}
