package ssmr

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/tidwall/btree"
)

// Machine executes a service on one unreplicated machine, in memory: the
// model that a cluster of any size must not be told apart from. Services are
// tested with it, and checkers replay histories on it. It is safe for
// concurrent use and executes one command at a time.
type Machine struct {
	s      *Service
	budget partition.Tuning

	mu     sync.Mutex
	now    hlc.Timestamp
	seq    ids.Sequence
	tables []*table // by collection
}

type table = btree.Map[string, []byte]

// machineStart is the first time that a Machine's client sees.
const machineStart = hlc.Timestamp(1_700_000_000_000_000)

// NewMachine is a machine without variables.
func NewMachine(s *Service) (*Machine, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	m := &Machine{s: s, budget: partition.DefaultTuning(), now: machineStart, tables: make([]*table, len(s.def.Collections))}
	for i := range m.tables {
		m.tables[i] = &table{}
	}
	return m, nil
}

// Apply executes a command as a replica does: at a time, which is its Now,
// and with an identity, which seeds its Rand. An error is what command code
// returned, or ErrArgument, ErrAccess, ErrPanicked or ErrBudget; then nothing
// has changed.
func (m *Machine) Apply(command uint16, arg []byte, now hlc.Timestamp, id ids.Command) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if int(command) >= len(m.s.def.Commands) {
		return nil, fmt.Errorf("%w: no command %d", ErrArgument, command)
	}
	spec := &m.s.def.Commands[command]
	tx := &machineTx{
		m: m, now: now, rand: seeded(id), writes: map[partition.Key]write{},
		accesses: m.budget.MaxAccesses, bytes: m.budget.MaxBytes,
	}
	value, err := tx.execute(spec, arg)
	if err != nil {
		return nil, err
	}
	for k, w := range tx.writes { // keys differ: the order does not matter
		if w.ok {
			m.tables[k.Collection].Set(k.Name, w.value)
		} else {
			m.tables[k.Collection].Delete(k.Name)
		}
	}
	return value, nil
}

// All walks the machine's variables in order of collection and key. The
// machine must not be used meanwhile.
func (m *Machine) All(yield func(partition.Key, []byte) bool) {
	for c, t := range m.tables {
		more := true
		t.Scan(func(name string, value []byte) bool {
			more = yield(partition.Key{Collection: uint16(c), Name: name}, value)
			return more
		})
		if !more {
			return
		}
	}
}

// Advance moves the clock by which commands of Client are stamped.
func (m *Machine) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

// Client sends commands to this machine, each a microsecond after the one
// before. They are done when Go returns.
func (m *Machine) Client() *Client { return &Client{s: m.s, b: machineBackend{m}} }

type machineBackend struct{ m *Machine }

func (b machineBackend) Close() error { return nil }

func (b machineBackend) Submit(_ context.Context, command uint16, arg []byte, _ callOptions) (pending, error) {
	sent := time.Now()
	b.m.mu.Lock()
	b.m.now++
	b.m.seq++
	now, id := b.m.now, ids.Command{Sequence: b.m.seq}
	b.m.mu.Unlock()
	value, err := b.m.Apply(command, arg, now, id)
	if err != nil && !builtin(err) { // forget what could not have travelled
		err = b.m.s.replyError(b.m.s.ErrorName(err), err.Error())
	}
	return done{value, err, Replies{Sent: sent, Conservative: time.Since(sent)}}, nil
}

// done is a command with its outcome.
type done struct {
	value   []byte
	err     error
	replies Replies
}

func (done) Done() <-chan struct{}       { return closed }
func (d done) Outcome() ([]byte, error)  { return d.value, d.err }
func (done) Early() <-chan struct{}      { return nil }
func (done) Optimistic() ([]byte, error) { return nil, nil }
func (d done) Replies() Replies          { return d.replies }

// seeded is the source of a command's random numbers: a replica's, too.
func seeded(id ids.Command) *rand.PCG {
	a := binary.LittleEndian.Uint64(id.Client[:8])
	b := binary.LittleEndian.Uint64(id.Client[8:])
	return rand.NewPCG(a^uint64(id.Sequence), b+uint64(id.Sequence))
}
