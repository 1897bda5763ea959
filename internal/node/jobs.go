package node

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/partition"
)

// Job is disk work, besides the journal, that the driver does elsewhere and
// reports by JobDone. Of Write, Install and Commit one at a time is under way,
// or several in the order given; Reads may be done in any order and beside them.
type Job struct {
	ID   uint64
	Work any // *Write, *Read, *Install or *Commit
}

// Write makes a checkpoint durable: its items, then, when they are synced and
// verified, the manifest. What it refers to is the driver's until JobDone.
type Write struct {
	Manifest *Manifest
	// Snapshot's items are what has changed since the checkpoint numbered Base,
	// or everything if that is zero.
	Snapshot *partition.Snapshot
	Base     uint64
	// Keep is the lowest number that must stay readable once this one is.
	Keep uint64
}

// Seal is the manifest's bytes, when all items have been taken.
func (w *Write) Seal() []byte {
	w.Manifest.Sum = w.Snapshot.Sum()
	return w.Manifest.Append(nil)
}

// Read reads items of a durable checkpoint, about so many bytes of them but at
// least one, above a key (nil: from the first on); with Base, only those that
// another durable checkpoint does not have so, and what it has besides, as gone.
type Read struct {
	Number uint64
	Base   uint64
	After  []byte
	Bytes  int
}

// Install writes items of a checkpoint that is received. It counts only after
// Commit. First: whatever is left of an unfinished one is dropped.
type Install struct {
	Number uint64
	First  bool
	Items  []partition.StateItem
}

// Commit makes the received checkpoint durable. None before it is needed any
// more.
type Commit struct{ Manifest *Manifest }

// Result is how a Job ended.
type Result struct {
	// Err ends the process, but of a Read only who asked for it.
	Err error
	// Full: there is no room on the disk; the checkpoint is given up.
	Full bool
	// Items that a Read found, End if there are none above them.
	Items []partition.StateItem
	End   bool
}

// Jobs drains the work to be done. The slice is valid until the next call.
func (n *Node) Jobs() []Job {
	jobs := n.jobs
	n.jobs, n.spareJobs = n.spareJobs[:0], jobs
	return jobs
}

func (n *Node) job(work any) (id uint64) {
	n.lastJob++
	n.jobs = append(n.jobs, Job{n.lastJob, work})
	return n.lastJob
}

// JobDone takes a job's result.
func (n *Node) JobDone(now hlc.Now, j Job, r Result) {
	n.now = now
	switch w := j.Work.(type) {
	case *Write:
		n.keeper.written(n, w, &r)
	case *Read:
		n.donor.read(j.ID, &r)
	case *Install, *Commit:
		n.receiver.stored(j, &r)
	}
}
