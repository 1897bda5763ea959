package hashiraft

import (
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/hashicorp/raft"
)

// A command is a key and the value.
const commandHead = 4

// fsm applies commands to a bench.Store. It takes them in batches (raft.BatchingFSM),
// which spares the library a channel operation for each. At the leader it also
// says which operation has been applied: the place where that is known first,
// and cheaper than a goroutine that waits for the library's futures.
type fsm struct {
	state *bench.Store
	count atomic.Uint64
	fail  func(error)
}

// Apply implements raft.FSM.
func (f *fsm) Apply(l *raft.Log) any {
	if l.Type != raft.LogCommand || len(l.Data) < commandHead {
		return nil
	}
	f.state.Put(binary.LittleEndian.Uint32(l.Data), l.Data[commandHead:])
	f.count.Add(1)
	return nil
}

// ApplyBatch implements raft.BatchingFSM.
func (f *fsm) ApplyBatch(ls []*raft.Log) []any {
	for _, l := range ls {
		f.Apply(l)
	}
	return make([]any, len(ls))
}

var errSnapshot = errors.New("hashiraft: a follower fell behind the log, and snapshots are empty here")

// Snapshot implements raft.FSM. The snapshot is empty and costs nothing: it
// is there to let the log be cut, and no follower may need it.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) { return nothing{}, nil }

// Restore implements raft.FSM.
func (f *fsm) Restore(r io.ReadCloser) error {
	f.fail(errSnapshot)
	return r.Close()
}

type nothing struct{}

func (nothing) Persist(sink raft.SnapshotSink) error { return sink.Close() }
func (nothing) Release()                             {}
