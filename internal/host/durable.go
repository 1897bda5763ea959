package host

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/node"
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

// keeper keeps what a durable node's core says is to be kept. It belongs to
// the holder of the loop's right to run.
type keeper struct {
	core   durableCore
	disk   *disk
	ledger *ledger
	part   *part
	jobs   *jobs

	stopping chan struct{} // closed when the core has nothing to wait for
}

func newKeeper(n *Node, core durableCore, d *disk) *keeper {
	k := &keeper{core: core, disk: d, ledger: d.ledger, part: &part{high: d.high, core: core, loop: &n.loop, log: n.log}}
	k.jobs = newJobs(d.store, func(j node.Job, r node.Result) {
		n.loop.ask(func() { core.JobDone(n.loop.now(), j, r) })
	})
	return k
}

// keep journals what the core has said so far.
func (k *keeper) keep() {
	if rs := k.core.Records(); len(rs) > 0 {
		k.ledger.add(k.part, rs)
	}
}

// tidy does what nobody waits for.
func (k *keeper) tidy() {
	if ts := k.core.Trims(); len(ts) > 0 {
		k.ledger.trim(k.part, ts)
	}
	for _, j := range k.core.Jobs() {
		k.jobs.do(j)
	}
	if k.stopping != nil && k.core.Stopped() {
		close(k.stopping)
		k.stopping = nil
	}
}

// done tells the core what is durable now.
func (k *keeper) done(now hlc.Now, c committed) error {
	if c.err != nil {
		return c.err
	}
	k.paused(now, c.took)
	k.core.Synced(c.sequence)
	k.core.Durable(now, c.upTo)
	return nil
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
// end, and gives the directory up.
func (k *keeper) end() error {
	k.jobs.close()
	return k.disk.close(k.part)
}
