package partition

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// reads are the commands that this replica executes alone, for a client,
// without a place in the order: ReadOnly ones of this partition. The driver
// says when the replica has delivered whatever had been answered before a read
// came; then the read takes its place at the end of everything delivered and
// waits, like any command, for every earlier unfinished one that conflicts
// with it [E4]. Later writers wait for it.
//
// So it is a command of one destination whose position is just after the last
// delivered one, and what holds of those holds of it. It enters neither table,
// outbox nor exchange, and has no effect: it may be repeated anywhere.
type reads struct {
	// waiting for their tickets, in order of these, from head on.
	waiting []waitingRead
	head    int
	// queued are in the replica's queue, which they do not fill: a flood of
	// reads never holds up deliveries. Nor do those that wait for a partition
	// that is away hold up others: they may fill half of the bounds.
	queued, queuedBytes int

	bytes int    // of all
	slab  []byte // arguments are copied into it
	home  [1]ids.Partition
}

// waitingRead is a read that has not taken its place.
type waitingRead struct {
	ticket     uint64
	client     ids.Client
	number     uint64
	mapVersion uint64
	command    uint16
	arg        []byte
}

// readCost is what a read counts for besides its argument.
const readCost = 256

// readSlab is the size of the memory that arguments share, which none of them
// may keep for long alone.
const readSlab = 4 << 10

// Read takes a client's read. It is executed when RunReads is told that its
// ticket, not below that of an earlier call, is reached.
func (r *Replica) Read(now hlc.Now, client ids.Client, ticket uint64, m *ReadRequest) {
	if r.down() {
		return
	}
	r.now = now
	q := &r.reads
	switch cost := len(m.Arg) + readCost; {
	case client.IsZero() || m.Number > MaxReadNumber:
		r.counters.Invalid++
		return
	case len(q.waiting)-q.head+q.queued >= r.tuning.MaxReads || q.bytes+cost > r.tuning.MaxReadBytes:
		r.refuseRead(client, m.Number)
		return
	default:
		q.bytes += cost
	}
	if q.head > 64 && q.head*2 > len(q.waiting) {
		n := copy(q.waiting, q.waiting[q.head:])
		clear(q.waiting[n:])
		q.waiting, q.head = q.waiting[:n], 0
	}
	q.waiting = append(q.waiting, waitingRead{ticket, client, m.Number, m.MapVersion, m.Command, q.keep(m.Arg)})
}

func (r *Replica) refuseRead(client ids.Client, number uint64) {
	r.counters.ReadsRefused++
	r.sends = append(r.sends, Send{ids.ToClient(client), &ReadReply{
		Number: number, At: r.last, Reply: Reply{Outcome: OutcomeRefused, MapVersion: r.version()},
	}})
}

// keep copies an argument out of the buffer in which it came with much else.
func (q *reads) keep(arg []byte) []byte {
	if cap(q.slab)-len(q.slab) < len(arg) {
		q.slab = make([]byte, 0, max(readSlab, len(arg)))
	}
	at := len(q.slab)
	q.slab = append(q.slab, arg...)
	return q.slab[at:len(q.slab):len(q.slab)]
}

// RunReads has the reads with tickets up to reached take their places, most of
// them at a time, and says whether there are more. All that Ridge had to deliver
// for them must have gone to Deliver.
func (r *Replica) RunReads(now hlc.Now, reached uint64, most int) (more bool) {
	q := &r.reads
	due := func() bool {
		return q.head < len(q.waiting) && q.waiting[q.head].ticket <= reached && !r.down()
	}
	if !due() {
		return false
	}
	r.now = now
	for ; most > 0 && due(); most-- {
		w := q.waiting[q.head]
		q.waiting[q.head] = waitingRead{}
		q.head++
		r.read(&w)
	}
	if q.head == len(q.waiting) {
		q.waiting, q.head = q.waiting[:0], 0
	}
	r.endStep()
	return due()
}

// read gives a read its place.
func (r *Replica) read(w *waitingRead) {
	c := &r.scratch
	r.reads.home[0] = r.config.Partition
	d := Delivery{
		Position: r.last, Command: ids.Command{Client: w.client, Sequence: ids.Sequence(w.number)},
		Dests: r.reads.home[:], Body: w.arg,
	}
	var err error
	if int(w.command) < len(r.service.Commands) && !r.service.Commands[w.command].ReadOnly {
		err = fmt.Errorf("%s may write", r.service.Commands[w.command].Name)
	}
	r.fill(c, &d, &Request{Command: w.command, Arg: w.arg}, err)
	c.bytes = len(w.arg) + readCost
	c.read = true
	switch {
	case w.mapVersion != r.version() || c.needed != nil:
		c.tx.retry(c.dests.Union(c.needed))
	case r.mustQueue(c):
		q := &r.reads
		if q.queued > r.tuning.MaxReads/2 || q.queuedBytes+c.bytes > r.tuning.MaxReadBytes/2 {
			c.read = false
			q.bytes -= c.bytes
			r.refuseRead(w.client, w.number)
			return
		}
		c = r.unscratch()
		r.line(c)
		q.queued++
		q.queuedBytes += c.bytes
		r.queueBytes -= c.bytes
		return
	default:
		r.run(c)
	}
	r.answerRead(c)
	c.read = false
}

// startRead executes a read that had to wait in the queue.
func (r *Replica) startRead(c *command) {
	r.run(c)
	if r.err != nil {
		return
	}
	c.finished = true
	r.index.remove(c)
	r.queue.removed(1)
	r.reads.queued--
	r.reads.queuedBytes -= c.bytes
	r.answerRead(c)
	for _, w := range c.waiters {
		r.release(w)
	}
	r.spare.reclaim(c)
}

// answerRead ends a read whose outcome is fixed.
func (r *Replica) answerRead(c *command) {
	r.verifyWatched(c)
	t := &c.tx
	r.counters.Reads++
	if t.outcome == OutcomeRetry {
		r.counters.ReadsRetried++
	}
	r.reads.bytes -= c.bytes
	if t.outcome == OutcomeRefused {
		return // it has been told
	}
	r.sends = append(r.sends, Send{ids.ToClient(c.Command.Client), &ReadReply{
		Number: uint64(c.Command.Sequence), At: c.Position,
		Reply: Reply{
			Outcome: t.outcome, Value: t.value, ErrorName: t.errName, ErrorText: t.errText,
			Needed: t.needed, MapVersion: r.version(),
		},
	}})
}

// MaxReadNumber is the highest number of a read.
const MaxReadNumber = 1<<62 - 1

// ReadRequest asks a replica to execute a ReadOnly command of its partition
// alone, for the client that sends it.
type ReadRequest struct {
	// Number is the client's name for it.
	Number uint64
	// MapVersion is the version of the Placement that the client routed by.
	MapVersion uint64
	Command    uint16
	Arg        []byte
}

// ReadReply tells how a read ended. Of the Reply it carries outcome, value,
// error, what a retry needs, and the map's version: OutcomeRetry asks for an
// ordered command instead, OutcomeRefused for another replica, or patience,
// since this one has MaxReads to do.
type ReadReply struct {
	Number uint64
	// At is the last delivered position when it took its place, just after it.
	At ids.Position
	Reply
}

// Kind implements wire.Message.
func (*ReadRequest) Kind() wire.Kind { return KindReadRequest }

// Kind implements wire.Message.
func (*ReadReply) Kind() wire.Kind { return KindReadReply }

// Append implements wire.Message.
func (m *ReadRequest) Append(b []byte) []byte {
	b = wire.AppendUvarint(wire.AppendUvarint(b, m.Number), m.MapVersion)
	return append(wire.AppendUint16(b, m.Command), m.Arg...)
}

func decodeReadRequest(r *wire.Reader, body []byte) *ReadRequest {
	m := &ReadRequest{Number: r.Uvarint(), MapVersion: r.Uvarint(), Command: r.Uint16()}
	if r.Err() == nil {
		m.Arg = body[len(body)-r.Len():]
		*r = wire.Reader{}
	}
	return m
}

// Append implements wire.Message.
func (m *ReadReply) Append(b []byte) []byte {
	b = append(wire.AppendUvarint(b, m.Number), byte(m.Outcome))
	b = wire.AppendPosition(b, m.At)
	b = wire.AppendUvarint(b, m.MapVersion)
	b = wire.AppendBytes(b, m.Value)
	if m.Outcome == OutcomeOK {
		return b
	}
	b = wire.AppendString(b, m.ErrorName)
	b = wire.AppendString(b, m.ErrorText)
	return wire.AppendSet(b, m.Needed)
}

func decodeReadReply(r *wire.Reader) *ReadReply {
	m := &ReadReply{Number: r.Uvarint()}
	m.Outcome = Outcome(r.Byte())
	m.At = r.Position()
	m.MapVersion = r.Uvarint()
	m.Value = r.Bytes()
	if m.Outcome != OutcomeOK {
		m.ErrorName, m.ErrorText, m.Needed = r.String(), r.String(), r.Set()
	}
	m.Time = m.At.T
	if m.Outcome < OutcomeOK || m.Outcome > OutcomeRefused || m.Outcome == OutcomeLate {
		r.Fail("outcome out of range")
	}
	return m
}
