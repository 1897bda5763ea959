package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// keeper decides when a durable process takes a checkpoint, and keeps account
// of the two newest. What others may forget on this replica's behalf goes by
// the older of them: if the newest turns out damaged, all that follows the
// other is still there [C5].
type keeper struct {
	newest, older kept
	// past are where checkpoints were taken, oldest first, from the last one that
	// was told as whole on. whole is where the counters stood at that one.
	past  []place
	whole counters
	// behind: others keep for this process what came before this life, too, and
	// so more than is counted. Until a place of this life is told as whole.
	behind   bool
	numbers  uint64 // the highest number given
	making   *Write // under way
	wanted   bool   // one is wanted at once
	stopping bool   // Stop was called: what fails now is not tried again
	regular  bool   // the last one was taken since its share was used
	at       time.Duration
	retry    time.Duration // not before: the disk was full
	full     uint64        // how often it was
	counters               // where they stood at the last one
}

// counters are of this life: the instances that were taken, their bytes, and the
// commands of several partitions that are finished.
type counters struct{ instances, bytes, exchanges uint64 }

// kept is a durable checkpoint, or the beginning.
type kept struct {
	*Manifest
	made  bool // in this life, at:
	at    time.Duration
	taken uint64 // instances taken in this life when it was made
	// Where the counters stood when it was made, or came to be here. Of the older
	// one of two that a start finds, and of those before a state of another
	// replica, that is not known: they are early.
	counters
	early bool
}

// place is where a checkpoint was taken.
type place struct {
	ridge.Positions
	counters
	early bool
}

const (
	// checkpointEvery is how long what is delivered may be in no checkpoint.
	checkpointEvery = 30 * time.Second
	// hurriedEvery is the same while others may wait for a process's checkpoints.
	hurriedEvery = time.Second
	// checkpointShare: one is taken when one in so many of what logs and outboxes
	// have room for has been used since the last. The older of two is up to two
	// such shares behind, and the next is being written during a third.
	checkpointShare = 8
	// When the older one is lateShares behind, all the same, or what is told as
	// whole lateWhole, others may have no room left, so that nothing more comes of
	// which a checkpoint could be due.
	lateShares = 3
	lateWhole  = 4
	// fullRetry is how long a checkpoint waits when there was no room for it.
	fullRetry = 10 * time.Second
)

// neverTaken is a count that none equals.
const neverTaken = ^uint64(0)

// settled: the older checkpoint has everything, so that nothing is gained by
// another one. What was delivered long ago may be finished only now.
func (k *keeper) settled(n *Node) bool {
	taken, _ := n.ridge.Taken()
	return k.older.taken == taken && k.older.exchanges == k.finished(n)
}

// finished counts the commands of several partitions finished in this life.
func (k *keeper) finished(n *Node) uint64 {
	if n.replica == nil {
		return 0
	}
	since, _ := n.replica.Pending()
	return k.exchanges + uint64(since)
}

// due says whether it is time.
func (k *keeper) due(n *Node) bool {
	if k.making != nil || n.receiver.active() || n.now.Mono < k.retry {
		return false
	}
	return k.wanted || k.upgraded(n) || k.used(n) || n.now.Mono-k.at >= k.every(n) && !k.settled(n) || k.late(n)
}

// used says whether so much has been used that one is due.
func (k *keeper) used(n *Node) bool {
	taken, bytes := n.ridge.Taken()
	t := &n.cfg.Ridge
	if taken-k.instances >= k.share(n, t.MaxLogCount) || bytes-k.bytes >= k.share(n, t.MaxLogBytes) {
		return true
	}
	if n.replica != nil {
		p := &n.cfg.Partition
		if count, bytes := n.replica.Pending(); uint64(count) >= k.share(n, p.MaxOutbox) || uint64(bytes) >= k.share(n, p.MaxOutboxBytes) {
			return true
		}
	}
	return false
}

// share is how much of what there is room for may be used until a checkpoint is
// taken. All replicas of a partition use as much, and would write theirs at the
// same moments, beside each other on some machines. So the first that is taken
// by its share, after a start or one that was taken for another reason, comes
// after a part of it that differs from replica to replica.
func (k *keeper) share(n *Node, room int) uint64 {
	share := room / checkpointShare
	if !k.regular && n.replica != nil {
		peers := n.cfg.Topology.Replicas[n.partition]
		share = share * (slices.Index(peers, n.cfg.Self) + 1) / len(peers)
	}
	return uint64(max(share, 1))
}

// late says whether what others keep for this process is much, and another
// checkpoint makes it less.
func (k *keeper) late(n *Node) bool {
	if n.replica == nil || k.newest.Manifest == nil {
		return false
	}
	taken, bytes := n.ridge.Taken()
	t, p := &n.cfg.Ridge, &n.cfg.Partition
	much := func(since *counters, shares int) bool {
		of := func(n uint64, room int) bool { return n >= uint64(max(shares*room/checkpointShare, 1)) }
		return of(taken-since.instances, t.MaxLogCount) || of(bytes-since.bytes, t.MaxLogBytes) ||
			of(k.finished(n)-since.exchanges, p.MaxOutbox)
	}
	if o := &k.older; o.instances != k.newest.instances || o.exchanges != k.newest.exchanges {
		if much(&o.counters, lateShares) {
			return true
		}
	}
	return k.wholer(n) && much(&k.whole, lateWhole)
}

// wholer says whether further checkpoints could be told as whole.
func (k *keeper) wholer(n *Node) bool {
	return k.newest.Manifest != nil && n.replica.Whole().Less(n.replica.WholeNow())
}

// upgraded: the newest checkpoint is of another version of the service than is
// in force. A program that carries the new one alone is to be of use soon.
func (k *keeper) upgraded(n *Node) bool {
	m := k.newest.Manifest
	return m != nil && n.replica != nil && m.Version != n.replica.Version()
}

// wake is when the next is due by time alone.
func (k *keeper) wake(n *Node) time.Duration {
	if k.making != nil || n.receiver.active() || !k.wanted && k.settled(n) {
		return partition.Never
	}
	if k.wanted || k.upgraded(n) || k.late(n) {
		return k.retry
	}
	return max(k.at+k.every(n), k.retry)
}

// every is how long what is delivered may be in no checkpoint. After a start it
// is short while others keep more for this process than it counts: they may have
// no room left.
func (k *keeper) every(n *Node) time.Duration {
	if n.replacement() || k.older.early || k.behind && n.replica != nil && k.wholer(n) {
		return hurriedEvery
	}
	return checkpointEvery
}

// take takes a checkpoint. Everything pulled from Ridge is in the machine.
func (k *keeper) take(n *Node) {
	k.wanted, k.at, k.regular = false, n.now.Mono, k.used(n)
	k.instances, k.bytes = n.ridge.Taken()
	k.exchanges = k.finished(n)
	positions := n.ridge.Positions()
	if n.replica == nil {
		// The machine keeps what it needs by itself.
		k.older = kept{taken: k.instances}
		n.ridge.Stable(positions)
		n.ridge.Whole(positions)
		return
	}
	k.numbers++
	w := &Write{
		Manifest: &Manifest{
			Number: k.numbers, Partition: n.partition, Service: n.service(), Version: n.replica.Version(), MapVersion: n.mapVersion(), Positions: positions,
		},
		Snapshot: n.replica.Checkpoint(), Base: k.newest.number(), Keep: k.numbers,
	}
	if k.newest.Manifest != nil {
		w.Keep = min(k.newest.Number, n.donor.pinned())
	}
	k.making = w
	n.job(w)
}

func (s *kept) number() uint64 {
	if s.Manifest == nil {
		return 0
	}
	return s.Number
}

// written takes what became of a checkpoint.
func (k *keeper) written(n *Node, w *Write, r *Result) {
	if w != k.making {
		return
	}
	k.making = nil
	switch {
	case w.Snapshot.Err() != nil:
		n.fail(w.Snapshot.Err())
	case r.Full:
		k.full++
		k.wanted, k.retry = !k.stopping, n.now.Mono+fullRetry
		n.replica.Abandon()
		n.donor.unpin()
	case r.Err != nil:
		n.fail(fmt.Errorf("checkpoint %d: %w", w.Manifest.Number, r.Err))
	default:
		k.hold(n, w.Manifest)
	}
}

// hold makes a durable checkpoint the newest.
func (k *keeper) hold(n *Node, m *Manifest) {
	k.older, k.newest = k.newest, kept{
		Manifest: m, made: true, at: n.now.Mono, taken: k.instances, counters: k.counters,
	}
	k.passed(m)
	k.tell(n)
}

// tell says how far the older checkpoint is.
func (k *keeper) tell(n *Node) {
	if m := k.older.Manifest; m != nil {
		n.ridge.Stable(m.Positions)
		n.replica.Stable(m.Sum)
		k.tellWhole(n)
	}
}

// tellWhole tells the last checkpoint of which everything is finished in the
// older one, with all that comes before it.
func (k *keeper) tellWhole(n *Node) {
	whole := n.replica.Whole()
	for i := len(k.past) - 1; i >= 0; i-- {
		if k.past[i].Key.Less(whole) {
			k.past = append(k.past[:0], k.past[i:]...)
			n.ridge.Whole(k.past[0].Positions)
			k.whole, k.behind = k.past[0].counters, k.past[0].early
			return
		}
	}
}

// maxPast checkpoints are remembered.
const maxPast = 32

// passed remembers where a checkpoint was taken. While commands wait for a
// partition that is away they become many; then every other is forgotten.
func (k *keeper) passed(m *Manifest) {
	if len(k.past) == maxPast {
		n := 0
		for i := 0; i < maxPast; i += 2 {
			k.past[n] = k.past[i]
			n++
		}
		clear(k.past[n:])
		k.past = k.past[:n]
	}
	k.past = append(k.past, place{Positions: m.Positions, counters: k.counters})
}

// adopted makes a received checkpoint the only one. Another is taken soon, so
// that there are two.
func (k *keeper) adopted(n *Node, m *Manifest) {
	k.instances, k.bytes = n.ridge.Taken()
	// What Jump took at once is beyond it.
	k.newest = kept{
		Manifest: m, made: true, at: n.now.Mono, taken: neverTaken, counters: k.counters,
	}
	k.older = kept{taken: neverTaken, counters: k.counters}
	for i := range k.past {
		k.past[i].early = true // what lies between is not counted
	}
	k.behind = true
	k.passed(m)
	k.wanted, k.at = true, n.now.Mono
}

// recovered begins with what was found on the disk: what the replica was built
// from, the one before it, and the highest number there.
func (k *keeper) recovered(n *Node, newest, older *Manifest, highest uint64) {
	k.newest, k.older, k.numbers = kept{Manifest: newest}, kept{Manifest: older}, highest
	if newest != nil && (older == nil || older.Sum != newest.Sum) {
		k.older.taken, k.older.early = neverTaken, true
	}
	for _, m := range [2]*Manifest{older, newest} {
		if m != nil {
			k.passed(m)
		}
	}
	if older != nil {
		k.past[0].early = k.older.early
	}
	k.behind = newest != nil
	if n.cfg.Durable {
		k.tell(n)
	}
}

// Stop asks for a last checkpoint, so that the next start has nothing to
// execute again. Stopped says when nothing is left to wait for.
func (n *Node) Stop(now hlc.Now) {
	n.now = now
	k := &n.keeper
	k.stopping = true
	taken, _ := n.ridge.Taken()
	if n.cfg.Durable && n.replica != nil && k.making == nil && k.newest.taken != taken {
		k.wanted = true
	}
}

// Stopped says that nothing is under way that Stop asked for.
func (n *Node) Stopped() bool {
	return n.Err() != nil || n.receiver.active() || n.keeper.making == nil && !n.keeper.wanted
}
