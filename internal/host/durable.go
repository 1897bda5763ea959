package host

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/ridge"
)

// durableCore is what a durable node's driver needs of the core besides.
type durableCore interface {
	Records() []ridge.Record
	Durable(now hlc.Now, upTo uint64)
	Synced(sequence uint64)
	Trims() []ridge.Trim
	Jobs() []node.Job
	JobDone(now hlc.Now, j node.Job, r node.Result)
	Stop(now hlc.Now)
	Stopped() bool
	Full(full bool)
	Mend(names []node.RecordName, rot node.Rot)
}

// committed is a batch of the journal whose Commit has returned.
type committed struct {
	batch *journal.Batch
	upTo  uint64 // records given by the core, of which it has the last
}

// keeper keeps what a durable node's core says is to be kept. It belongs to
// the holder of the loop's right to run, but for what goes through channels.
//
// One batch of the journal is being committed at a time, by a goroutine of its
// own; what comes meanwhile gathers, and is the next: the more there is to do,
// the more records share a sync. The goroutine leaves its result in the loop's
// inbox and, if nobody runs the core, runs it itself, so that at low load the
// sync's end passes to the next socket without another wake-up; the batch that
// has gathered is then its own next work.
type keeper struct {
	core    durableCore
	disk    *disk
	given   uint64         // records that the core has given so far
	commits chan committed // one at most is under way
	chores  chan committed // likewise
	work    chan struct{}  // ended: both goroutines have
	jobs    *jobs

	full     bool
	stopping chan struct{} // closed when the core has nothing to wait for
}

func newKeeper(n *Node, core durableCore, d *disk) *keeper {
	k := &keeper{core: core, disk: d, commits: make(chan committed, 1), chores: make(chan committed, 1), work: make(chan struct{}, 2)}
	k.jobs = newJobs(d.store, func(j node.Job, r node.Result) {
		n.loop.ask(func() { core.JobDone(n.loop.now(), j, r) })
	})
	for _, c := range []chan committed{k.commits, k.chores} {
		go func() {
			for b := range c {
				_ = b.batch.Commit() // Done returns it
				n.loop.committed(b)
			}
			k.work <- struct{}{}
		}()
	}
	return k
}

// keep journals what the core has said so far.
func (k *keeper) keep() {
	for _, r := range k.core.Records() {
		k.disk.journal.Append(uint32(r.Ensemble), uint64(r.Instance), r.Body...)
		k.given++
	}
	if b := k.disk.journal.Take(); b != nil {
		k.commits <- committed{b, k.given}
	}
}

// tidy does what nobody waits for.
func (k *keeper) tidy(now hlc.Now) {
	j := k.disk.journal
	for _, t := range k.core.Trims() {
		j.Trim(uint32(t.Ensemble), uint64(t.UpTo))
	}
	if b := j.Upkeep(now.Mono); b != nil {
		k.chores <- committed{b, 0}
	}
	for _, j := range k.core.Jobs() {
		k.jobs.do(j)
	}
	if k.stopping != nil && k.core.Stopped() {
		close(k.stopping)
		k.stopping = nil
	}
}

// done takes a batch that was committed.
func (k *keeper) done(now hlc.Now, c committed) error {
	sequence, err := k.disk.journal.Done(c.batch)
	if err != nil {
		return fmt.Errorf("host: the journal in %s failed, and nothing that it was given since can be relied upon; the process stops, and says when it is started again what it has: %w", k.disk.dir, explain(err))
	}
	if c.upTo > 0 {
		k.core.Synced(sequence)
		k.core.Durable(now, c.upTo)
	}
	return nil
}

// explain adds to an error of the disk what to do.
func explain(err error) error {
	if errors.Is(err, vfs.ErrFull) || errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: make room on the disk and start the process again", err)
	}
	return err
}

// The journal is read through in the background, scrubBytes every scrubTicks
// seconds: what rots while nobody reads it would be found at the next start, too late.
// Where it is damaged it is mended, mendBytes a second.
const (
	scrubTicks = 4
	scrubBytes = 1 << 20
	mendBytes  = 4 << 20
)

// scrub reads some of the journal and, if it is damaged, has what lives there
// written again: the process knows what it has written.
func (n *Node) scrub(bytes int) {
	j := n.keeper.disk.journal
	if err := j.Scrub(bytes); err != nil {
		n.log.Error("the journal is damaged on the disk; what lives there is written again from memory", "directory", n.keeper.disk.dir, "err", err)
	}
	if found, _ := j.Rot(); found > 0 {
		n.loop.ask(func() {
			var names []node.RecordName
			for _, name := range j.Mend(mendBytes) {
				names = append(names, node.RecordName{Ensemble: ids.Ensemble(name.Ensemble), Instance: ids.Instance(name.Instance)})
			}
			found, there := j.Rot()
			n.keeper.core.Mend(names, node.Rot{Found: found, There: there})
		})
	}
}

// watchDisk tells the core once a second whether the disk has room, and reads
// the journal through, until the node has ended.
func (n *Node) watchDisk() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	k := n.keeper
	for turn := 1; ; turn++ {
		room, err := k.disk.room()
		if full := err != nil || room < 0; full != k.full && (full || room > comfort-reserve) {
			k.full = full
			n.log.Warn("room on the disk", "directory", k.disk.dir, "full", full, "bytes_above_reserve", room, "err", err)
			n.loop.ask(func() { k.core.Full(full) })
		}
		select {
		case <-tick.C:
		case <-n.done:
			return
		}
		if _, there := k.disk.journal.Rot(); turn%scrubTicks == 0 || there {
			n.scrub(scrubBytes)
		}
	}
}

// stopTime bounds how long a node that is closed writes its last checkpoint.
const stopTime = 10 * time.Second

// rest has the core's last checkpoint written.
func (n *Node) rest() {
	stopped := make(chan struct{})
	ok := n.loop.ask(func() {
		n.keeper.core.Stop(n.loop.now())
		n.keeper.stopping = stopped
	})
	if !ok {
		return
	}
	late := time.NewTimer(stopTime)
	defer late.Stop()
	select {
	case <-stopped:
	case <-late.C:
		n.log.Warn("the last checkpoint takes too long; the next start executes again what it lacks")
	case <-n.done:
	}
}

// end is called when the loop has ended: it lets what is under way come to its
// end, and closes the directory.
func (k *keeper) end(left []committed, b *inbox) error {
	close(k.commits)
	close(k.chores)
	<-k.work
	<-k.work
	k.jobs.close()
	for _, c := range append(left, b.rest().synced...) {
		k.disk.journal.Done(c.batch) // what failed, Close says
	}
	return k.disk.close()
}
