package node

import (
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Ready is the State of a process that orders and executes.
const Ready = "ready"

// Status describes the process for people and programs.
type Status struct {
	Process     ids.Process        `json:"process"`
	Partition   ids.Partition      `json:"partition"`
	State       string             `json:"state"`
	Incarnation ids.Incarnation    `json:"incarnation,string"`
	Service     *ServiceStatus     `json:"service,omitempty"` // nil: no replica, but another machine
	Member      bool               `json:"member"`            // it takes part in the cluster
	Ridge       ridge.Status       `json:"ridge"`
	Replica     partition.Status   `json:"replica"`
	Optimistic  *optimistic.Status `json:"optimistic,omitempty"` // nil: conservative execution only
	Durable     *DurableStatus     `json:"durable,omitempty"`    // nil: memory-only
	Transfer    TransferStatus     `json:"transfer"`
	Loop        Pauses             `json:"loop_pauses"` // rounds of PauseFloor and more
	// RefusedBy are the processes that do not speak with this one, and why: they are
	// configured otherwise, or are others than was meant.
	RefusedBy map[ids.Process]string `json:"refused_by,omitempty"`
	Heap      uint64                 `json:"heap_bytes,omitempty"` // of the operating system's process,
	PID       int                    `json:"pid,omitempty"`        // and its number
	Refused   uint64                 `json:"refused_messages"`
	Strange   uint64                 `json:"strange_messages"`
	Error     string                 `json:"error,omitempty"`
}

// ServiceStatus says which service a process executes. Whoever names its
// fingerprint is taken for one of its clients.
type ServiceStatus struct {
	Name        string `json:"name"`
	Fingerprint uint64 `json:"fingerprint,string"`
}

// DurableStatus is how far a durable process's disk is.
type DurableStatus struct {
	// Records were given to the journal in this life, Written of them are
	// durable.
	Records uint64 `json:"records"`
	Written uint64 `json:"written"`
	// Checkpoint is the newest durable checkpoint's number, zero if there is
	// none; Older the one before it, by which others forget.
	Checkpoint uint64 `json:"checkpoint"`
	Older      uint64 `json:"older_checkpoint"`
	// Seconds since the newest was made durable in this life; -1: not in this.
	Age    float64 `json:"checkpoint_age_seconds"`
	Making bool    `json:"making_checkpoint"`
	// Syncs are those of the journal that took PauseFloor or more.
	Syncs Pauses `json:"sync_pauses"`
	// Full counts checkpoints that were given up for lack of room.
	Full uint64 `json:"checkpoints_without_room"`
	// NoRoom: the disk is almost full: this process takes no commands until there is
	// room, and leaves that to others that have some.
	NoRoom bool `json:"no_room"`
	// Damaged tells of checkpoints that did not verify at the start.
	Damaged []string `json:"damaged_checkpoints,omitempty"`
	// Rot tells of damage in the journal.
	Rot *Rot `json:"journal_damage,omitempty"`
}

// TransferStatus is how this process gets, or gives, states.
type TransferStatus struct {
	// Lacks says why the replica cannot go on without another's state; empty
	// if it can.
	Lacks string      `json:"lacks,omitempty"`
	From  ids.Process `json:"from,omitempty"`
	Phase string      `json:"phase,omitempty"`
	// Items and Bytes have come, of Total items; zero if that is not known yet.
	Items uint64 `json:"items,omitempty"`
	Bytes uint64 `json:"bytes,omitempty"`
	Total uint64 `json:"total_items,omitempty"`
	// Transfers begun, given up and completed; damaged chunks, and what made no
	// sense.
	Started   uint64 `json:"started"`
	Failed    uint64 `json:"failed"`
	Completed uint64 `json:"completed"`
	Damaged   uint64 `json:"damaged_chunks"`
	Refused   uint64 `json:"refused"`
	// Overtaken are states that were complete only when what follows them was
	// forgotten; what newer ones have otherwise was fetched then.
	Overtaken uint64 `json:"overtaken"`
	// Serving are the processes that fetch from this one, Served those that had
	// all, ChunksSent the chunks sent to them.
	Serving    []ids.Process `json:"serving,omitempty"`
	Served     uint64        `json:"served"`
	ChunksSent uint64        `json:"chunks_sent"`
}

// Status is the process's state now.
func (n *Node) Status() Status {
	s := Status{
		Process: n.cfg.Self, Partition: n.partition, State: n.founding.describe(),
		Incarnation: n.cfg.Incarnation, Member: n.founding.started, Ridge: n.ridge.Status(),
		Refused: n.refused, Strange: n.strange, Loop: n.pauses[LoopPause].status(n.now.Mono),
	}
	s.PID = n.cfg.PID
	if n.cfg.Refused != nil {
		s.RefusedBy = n.cfg.Refused()
	}
	if n.cfg.Heap != nil {
		s.Heap = n.cfg.Heap()
	}
	if n.replica != nil {
		s.Replica = n.replica.Status()
	}
	if svc := n.cfg.Service; svc != nil {
		s.Service = &ServiceStatus{svc.Name, svc.Fingerprint()}
	}
	if n.optimistic != nil {
		o := n.optimistic.Status()
		s.Optimistic = &o
	}
	if n.cfg.Durable {
		s.Durable = n.durableStatus()
	}
	s.Transfer = n.receiver.status()
	n.donor.describe(&s.Transfer)
	if n.receiver.active() {
		s.State = s.Transfer.Phase
	}
	if err := n.Err(); err != nil {
		s.State, s.Error = "stopped", err.Error()
	}
	return s
}

func (n *Node) durableStatus() *DurableStatus {
	k := &n.keeper
	s := &DurableStatus{
		Records: n.journal.given, Written: n.journal.durable,
		Checkpoint: k.newest.number(), Older: k.older.number(), Age: -1,
		Making: k.making != nil, Full: k.full, NoRoom: n.ridge.NoRoom(), Damaged: n.damaged,
		Syncs: n.pauses[SyncPause].status(n.now.Mono),
	}
	if n.rot.Found > 0 {
		rot := n.rot
		s.Rot = &rot
	}
	if k.newest.made {
		s.Age = (n.now.Mono - k.newest.at).Seconds()
	}
	return s
}

func (r *receiver) status() TransferStatus {
	c := &r.counts
	s := TransferStatus{Started: c.started, Failed: c.failed, Completed: c.completed, Damaged: c.damaged, Refused: c.refused, Overtaken: c.overtaken}
	if !r.active() {
		return s
	}
	s.Lacks, s.Items, s.Bytes = r.why, r.items, r.bytes
	if r.manifest != nil {
		s.Total = r.manifest.Sum.Count
	}
	switch r.phase {
	case pausing:
		s.Phase = fmt.Sprintf("lacks a state; asks for one in %v", max(r.next-r.n.now.Mono, 0).Round(100*time.Millisecond))
		if r.exhausted {
			s.Phase += "; no other replica of the partition has one now"
		}
		return s
	case asking:
		s.Phase = "asks for a state"
	case fetching:
		s.Phase = "fetches a state"
		if s.Total > 0 {
			s.Phase += fmt.Sprintf(", %d %%", 100*s.Items/s.Total)
		}
	case committing:
		s.Phase = "makes a fetched state durable"
	}
	s.From = r.from
	return s
}

func (d *donor) describe(s *TransferStatus) {
	for _, t := range d.sessions {
		s.Serving = append(s.Serving, t.to)
	}
	s.Served, s.ChunksSent = d.served, d.sent
}
