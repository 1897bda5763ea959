package client

import (
	"encoding/binary"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// readBit marks the handles of reads among those of commands: reads have
// numbers of their own, since they need no place in the exactly-once table.
const readBit ids.Sequence = 1 << 63

// IsRead says whether a handle is that of a read, and which number it has.
func IsRead(h ids.Sequence) (number uint64, ok bool) {
	return uint64(h &^ readBit), h&readBit != 0
}

// read is a ReadOnly command on its way to one replica. It has no effect, so
// it may be sent to any number of them; the first answer counts.
type read struct {
	// request is never changed once sent: the receiver may hold it.
	request *partition.ReadRequest
	dests   ids.Set // one partition
	target  int     // index of the replica that it was last sent to
	tries   int
	pause   time.Duration // until the next copy
	resend  time.Duration // Mono
	giveUp  time.Duration // Mono
	sent    hlc.Timestamp
	done    bool
	// optimistic: it asks for an optimistic reply if it is ordered after all.
	optimistic bool
}

// reads are those from mark to next, in a ring by number.
type reads struct {
	next, mark uint64 // Invariant: all below mark are done
	open       int
	ring       []read // length a power of two, at least next - mark
	// prefer is the replica that each partition's reads go to: always the
	// same while it answers, so that reads share questions.
	prefer []int
	// falling are reads that are to become commands when there is room.
	falling []falling
}

// falling is a read that a replica would not execute.
type falling struct {
	read
	needed ids.Set
}

func newReads(t *ridge.Topology, id ids.Client) reads {
	r := reads{next: 1, mark: 1, prefer: make([]int, len(t.Replicas))}
	h := binary.LittleEndian.Uint64(id[:8]) ^ binary.LittleEndian.Uint64(id[8:])
	for p, replicas := range t.Replicas {
		r.prefer[p] = int((h>>32 + uint64(p)) % uint64(len(replicas)))
	}
	return r
}

// outstanding are all without a result.
func (r *reads) outstanding() int { return r.open + len(r.falling) }

func (r *reads) at(n uint64) *read { return &r.ring[int(n)&(len(r.ring)-1)] }

// get is an open read, nil if there is none of that number.
func (r *reads) get(n uint64) *read {
	if n < r.mark || n >= r.next {
		return nil
	}
	if x := r.at(n); !x.done {
		return x
	}
	return nil
}

func (r *reads) add() *read {
	if n := len(r.ring); int(r.next-r.mark) == n {
		old := *r
		r.ring = make([]read, max(2*n, 16))
		for k := r.mark; k < r.next; k++ {
			*r.at(k) = *old.at(k)
		}
	}
	x := r.at(r.next)
	r.next++
	r.open++
	return x
}

func (r *reads) finish(x *read) {
	x.done, x.request = true, nil
	r.open--
	for r.mark < r.next && r.at(r.mark).done {
		r.mark++
	}
}

// submitRead takes a read of one partition.
func (c *Core) submitRead(command uint16, arg []byte, dests ids.Set, optimistic bool) ids.Sequence {
	n := c.reads.next
	x := c.reads.add()
	*x = read{
		request: &partition.ReadRequest{Number: n, MapVersion: c.cfg.Map.Version(), Command: command, Arg: arg},
		dests:   dests, pause: c.cfg.Tuning.Resend, sent: c.now.Wall, giveUp: c.now.Mono + c.cfg.Tuning.Horizon,
		target: c.reads.prefer[dests[0]], optimistic: optimistic,
	}
	if c.cfg.Tuning.Spread {
		x.target += int(n % 64)
	}
	c.dueAt(x.giveUp)
	if c.life != 0 {
		c.sendRead(x)
	}
	return readBit | ids.Sequence(n)
}

// replica is a partition's replica at index i, counted around.
func (c *Core) replica(p ids.Partition, i int) ids.Process {
	rs := c.cfg.Topology.Replicas[p]
	return rs[i%len(rs)]
}

// sendRead sends one copy, to the next replica that can be reached.
func (c *Core) sendRead(x *read) {
	p := x.dests[0]
	if len(c.routes.down) > 0 {
		for i := range c.cfg.Topology.Replicas[p] {
			if !c.routes.down[c.replica(p, x.target+i)] {
				x.target += i
				break
			}
		}
	}
	x.tries++
	if x.tries == 1 {
		c.Stats.Reads++
	} else {
		c.Stats.ReadsResent++
	}
	c.sends = append(c.sends, Send{ids.To(c.replica(p, x.target)), x.request})
	x.resend = c.now.Mono + x.pause + time.Duration(c.cfg.Random()%uint64(x.pause/4+1))
	c.dueAt(x.resend)
}

// stepReadReply takes a replica's answer to a read.
func (c *Core) stepReadReply(from ids.Process, m *partition.ReadReply) {
	x := c.reads.get(m.Number)
	if x == nil || x.tries == 0 {
		return
	}
	switch m.Outcome {
	case partition.OutcomeOK, partition.OutcomeFailed:
		if x.tries > 1 {
			c.preferReplica(x.dests[0], from)
		}
		c.finishRead(x, Result{Reply: &m.Reply, At: m.At})
	case partition.OutcomeRetry:
		// By the ordered way it sees other partitions, and another map.
		c.Stats.ReadsOrdered++
		f := falling{*x, m.Needed}
		c.reads.finish(x)
		c.reads.falling = append(c.reads.falling, f)
		c.fall()
	default:
		// It has too much to do. The next copy goes to the next replica in any
		// case: to go on from here, too, would pass over one each time.
		c.Stats.Refused++
	}
}

// preferReplica sends a partition's later reads to who answers.
func (c *Core) preferReplica(p ids.Partition, from ids.Process) {
	for i, q := range c.cfg.Topology.Replicas[p] {
		if q == from {
			c.reads.prefer[p] = i
		}
	}
}

func (c *Core) finishRead(x *read, r Result) {
	r.Sequence = readBit | ids.Sequence(x.request.Number)
	r.Sent, r.Replied, r.Took, r.Dests = x.sent, c.now.Wall, c.took(x.giveUp), x.dests
	c.results = append(c.results, r)
	c.reads.finish(x)
}

// fall has reads ordered as commands, as far as there is room for these.
func (c *Core) fall() {
	for len(c.reads.falling) > 0 && int(c.calls.next-c.calls.mark) < c.cfg.Tuning.Span {
		f := c.reads.falling[0]
		c.reads.falling = c.reads.falling[1:]
		q := f.request
		call := c.order(partition.Request{Command: q.Command, Optimistic: f.optimistic, Arg: q.Arg}, f.dests.Union(f.needed), f.giveUp)
		call.read, call.sent = q.Number, f.sent
		if c.cfg.Ordered != nil {
			c.cfg.Ordered(readBit|ids.Sequence(q.Number), call.seq)
		}
		c.start(call)
	}
}

// eachRead calls f for all open reads, in the order of their numbers.
func (c *Core) eachRead(f func(*read)) {
	for n := c.reads.mark; n < c.reads.next; n++ {
		if x := c.reads.get(n); x != nil {
			f(x)
		}
	}
}

// tickRead sends another copy, to another replica, or gives up.
func (c *Core) tickRead(x *read) {
	now := c.now.Mono
	switch {
	case now >= x.giveUp:
		c.Stats.GivenUp++
		c.finishRead(x, Result{Err: ErrOutcomeUnknown})
		return
	case x.tries > 0 && now >= x.resend:
		x.pause = min(x.pause*3/2, c.cfg.Tuning.MaxPause)
		x.target++
		c.sendRead(x)
		// The silence may be that of a cluster started anew.
		c.sends = append(c.sends, Send{ids.To(c.replica(x.dests[0], x.target)), &session.Hello{}})
	case x.tries > 0:
		c.dueAt(x.resend)
	}
	c.dueAt(x.giveUp)
}

// tickFalling gives up those whose time is over.
func (c *Core) tickFalling() {
	rest := c.reads.falling[:0]
	for _, f := range c.reads.falling {
		if c.now.Mono < f.giveUp {
			rest = append(rest, f)
			c.dueAt(f.giveUp)
			continue
		}
		c.endFalling(&f, ErrOutcomeUnknown)
	}
	c.reads.falling = rest
}

func (c *Core) endFalling(f *falling, err error) {
	c.Stats.GivenUp++
	c.results = append(c.results, Result{
		Sequence: readBit | ids.Sequence(f.request.Number), Err: err, Sent: f.sent, Replied: c.now.Wall,
		Took: c.took(f.giveUp), Dests: f.dests,
	})
}

// endReads ends all of them.
func (c *Core) endReads(err error) {
	c.eachRead(func(x *read) {
		c.Stats.GivenUp++
		c.finishRead(x, Result{Err: unknown(err)})
	})
	for i := range c.reads.falling {
		c.endFalling(&c.reads.falling[i], unknown(err))
	}
	c.reads.falling = nil
}

// downRead sends what was sent to p last to another replica.
func (c *Core) downRead(p ids.Process) {
	c.eachRead(func(x *read) {
		if x.tries > 0 && c.replica(x.dests[0], x.target) == p {
			x.target++
			c.sendRead(x)
		}
	})
}
