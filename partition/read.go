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
// came; then the read is executed at the end of everything delivered, if it
// sees nothing whose end it would have had to wait for [E4]; else its client has
// it ordered.
//
// It must not wait here: later writers wait for an ordered read at every
// replica, but another replica knows nothing of this one. So let m be a command
// that was unfinished when the read came, and w a later one that does not
// conflict with m. Another replica executes w, whose effect somebody sees who
// then has something executed before m elsewhere. The read, having waited for m,
// would see m and, here, not yet w: a cycle. If whatever the read sees was
// finished here when it came, but for what was executed at its own delivery, then
// whoever had to come before that had started before, and is delivered here.
//
// A read enters neither table, outbox nor exchange, and has no effect: it may be
// repeated anywhere.
type reads struct {
	// waiting for their tickets, in order of these, from head on.
	waiting []waitingRead
	head    int
	// late counts the commands with effects that have finished here later than
	// at their delivery.
	late uint64

	bytes int    // of all
	slab  []byte // arguments are copied into it
	// replies are the next to be sent, made many at a time.
	replies []ReadReply
	home    [1]ids.Partition
}

// waitingRead is a read that is not executed yet; late is as of when it came.
type waitingRead struct {
	ticket     uint64
	late       uint64
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
	case len(q.waiting)-q.head >= r.tuning.MaxReads || q.bytes+cost > r.tuning.MaxReadBytes:
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
	q.waiting = append(q.waiting, waitingRead{ticket, q.late, client, m.Number, m.MapVersion, m.Command, q.keep(m.Arg)})
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

// RunReads executes the reads with tickets up to reached, most of them at a
// time, and says whether there are more. All that Ridge had to deliver
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

// read executes a read, or has it ordered.
func (r *Replica) read(w *waitingRead) {
	c := &r.scratch
	r.reads.home[0] = r.config.Partition
	d := Delivery{
		Position: r.last, Command: ids.Command{Client: w.client, Sequence: ids.Sequence(w.number)},
		Dests: r.reads.home[:], Body: w.arg,
	}
	var err error
	if w.command == CommandUpgrade {
		err = fmt.Errorf("an upgrade is no read")
	}
	if int(w.command) < len(r.service.Commands) && !r.service.Commands[w.command].ReadOnly {
		err = fmt.Errorf("%s may write", r.service.Commands[w.command].Name)
	}
	r.fill(c, &d, &Request{Command: w.command, Arg: w.arg}, err)
	c.bytes = len(w.arg) + readCost
	switch {
	case w.mapVersion != r.version() || c.needed != nil:
		c.tx.retry(c.dests.Union(c.needed))
	case w.late != r.reads.late || r.mustQueue(c):
		c.tx.retry(c.dests) // [E4]
	default:
		r.run(c)
	}
	r.answerRead(c)
}

// repliesAtOnce is how many replies share their memory.
const repliesAtOnce = 16

func (q *reads) reply() (m *ReadReply) {
	if len(q.replies) == 0 {
		q.replies = make([]ReadReply, repliesAtOnce)
	}
	m, q.replies = &q.replies[0], q.replies[1:]
	return m
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
	m := r.reads.reply()
	m.Number, m.At = uint64(c.Command.Sequence), c.Position
	m.Outcome, m.Value, m.ErrorName, m.ErrorText = t.outcome, t.value, t.errName, t.errText
	m.Needed, m.MapVersion = t.needed, r.version()
	r.sends = append(r.sends, Send{ids.ToClient(c.Command.Client), m})
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
	// At is the last delivered position when it was executed, just after it.
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
