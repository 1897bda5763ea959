package simtest

import (
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Op is one command as its client saw it.
type Op struct {
	Command ids.Command
	Code    uint16
	Arg     []byte
	// Invoked and Returned are moments of the history's clock, which ticks at
	// every invocation and every return; Returned is zero while the outcome
	// is not known.
	Invoked, Returned uint64
	// InvokedAt and ReturnedAt are virtual time; ReturnedAt is also set when
	// the client gave up (Unknown).
	InvokedAt, ReturnedAt time.Duration
	Unknown               bool
	Abandoned             bool // Unknown, since its client crashed
	Refused               bool // given up, and known not to have been executed
	Early                 bool // it had an optimistic reply
	Failed                bool // Returned, with an error
	Answer                answer
	Attempt               ids.Attempt
	// Read: executed by one replica, just after the position At.
	Read bool
	At   ids.Position
	// Dests are the partitions of the last attempt.
	Dests ids.Set
}

// Entry is one delivery at one replica, with the verdict on it.
type Entry struct {
	Position ids.Position
	Op       int32 // index in History.Ops
	Attempt  ids.Attempt
	Dests    ids.Set
	Verdict  partition.Verdict
	Outcome  partition.Outcome // zero: not finished
	Started  bool
	Reply    uint64 // digest of the reply, once finished
}

// Log is what one process delivered, in its order, from one state on. A process
// has a log for each life, and another for each state that it took over.
type Log struct {
	Process   ids.Process
	Partition ids.Partition
	// From is the position of the state that the log begins with.
	From    ids.Position
	Entries []Entry
	// Resumed are commands that the state had delivered and not finished, and
	// that were finished here.
	Resumed   []Entry
	restoring bool // From is not known yet
	// stray are commands finished that are not open: by a replica that is made of
	// a received state, to be the process's as soon as that is durable.
	stray []Entry
	open  map[opAttempt]int32 // accepted and not finished
	Twice []opAttempt         // accepted twice, or finished twice or unasked
	opt   map[opAttempt]bool  // opt-delivered
	// Optimistic counts optimistic deliveries.
	Optimistic int
	Optimist   bool   // the process delivers optimistically
	Unequal    string // how the two deliveries were first found not to be equivalent
}

type opAttempt struct {
	op      int32
	attempt ids.Attempt
}

// History is all that the checkers look at.
type History struct {
	Service    *partition.Service
	Placement  partition.Placement
	Partitions int
	Budget     int
	Ops        []Op
	Logs       []*Log
	clock      uint64
	byClient   map[ids.Client]*[]int32
	// Second, if not nil, is a second model, asked for every command in order.
	Second func(code uint16, arg []byte, at hlc.Timestamp) (answer, error)
	// Strangers are deliveries of commands that no client sent.
	Strangers int
}

func newHistory(s *partition.Service, p partition.Placement, partitions, budget int) *History {
	return &History{Service: s, Placement: p, Partitions: partitions, Budget: budget, byClient: map[ids.Client]*[]int32{}}
}

// invoke records that a client submits a command; its sequence follows the
// client's last one.
func (h *History) invoke(at time.Duration, c ids.Command, code uint16, arg []byte) int32 {
	h.clock++
	i := int32(len(h.Ops))
	h.Ops = append(h.Ops, Op{Command: c, Code: code, Arg: arg, Invoked: h.clock, InvokedAt: at})
	h.enlist(c, i)
	return i
}

// enlist gives the client's next sequence to an operation.
func (h *History) enlist(c ids.Command, i int32) {
	l := h.byClient[c.Client]
	if l == nil {
		l = new([]int32)
		h.byClient[c.Client] = l
	}
	*l = append(*l, i)
}

// find is the index of a command's Op, or -1.
func (h *History) find(c ids.Command) int32 {
	l := h.byClient[c.Client]
	if l == nil || c.Sequence == 0 || int(c.Sequence) > len(*l) {
		return -1
	}
	return (*l)[c.Sequence-1]
}

// giveUp records that a client gave a command up.
func (h *History) giveUp(at time.Duration, i int32) {
	h.Ops[i].Unknown, h.Ops[i].ReturnedAt = true, at
}

// refuse records that a command's client was told that it was not executed, and
// never will be. Where the network brings one message twice, as no connection
// does, only the first is refused.
func (h *History) refuse(at time.Duration, i int32) {
	h.giveUp(at, i)
	h.Ops[i].Refused = true
}

// abandon records that a command's client crashed before it had an answer.
func (h *History) abandon(at time.Duration, i int32) {
	h.giveUp(at, i)
	h.Ops[i].Abandoned = true
}

// complete records a final reply.
func (h *History) complete(at time.Duration, i int32, r *partition.Reply, dests ids.Set, place ids.Position) {
	h.clock++
	op := &h.Ops[i]
	op.Returned, op.ReturnedAt, op.Dests, op.Attempt = h.clock, at, dests, r.Attempt
	op.At = place
	op.Failed = r.Outcome == partition.OutcomeFailed
	op.Answer = answer{value: string(r.Value), errName: r.ErrorName, errTxt: r.ErrorText}
	if framework(r.ErrorName) {
		op.Answer.errTxt = ""
	}
}

func framework(name string) bool { return len(name) > 6 && name[:6] == "eyrie." }

// newLog starts the record of one life of a process.
func (h *History) newLog(p ids.Process, part ids.Partition) *Log {
	l := &Log{Process: p, Partition: part, open: map[opAttempt]int32{}, opt: map[opAttempt]bool{}}
	h.Logs = append(h.Logs, l)
	return l
}

// adopt begins the log of a replica made of a state that its process received.
func (h *History) adopt(old *Log, from ids.Position) *Log {
	l := h.newLog(old.Process, old.Partition)
	l.Optimist, l.opt, l.From = old.Optimist, old.opt, from
	l.Resumed, old.stray = old.stray, nil
	return l
}

// optimistic records an optimistic delivery. There is exactly one of each
// attempt that is accepted, and it comes before.
func (h *History) optimistic(l *Log, d ridge.OptDelivery) {
	op := h.find(d.Message.Command)
	if op < 0 {
		h.Strangers++
		return
	}
	key := opAttempt{op, d.Message.Attempt}
	if l.opt[key] {
		l.unequal("process %d opt-delivered attempt %d of %v twice", l.Process, key.attempt, h.Ops[op].Command)
	}
	l.opt[key] = true
	if !d.Message.Dests.Has(l.Partition) {
		l.unequal("process %d opt-delivered %v, which is for %v", l.Process, h.Ops[op].Command, d.Message.Dests)
	}
	l.Optimistic++
}

func (l *Log) unequal(format string, args ...any) {
	if l.Unequal == "" {
		l.Unequal = fmt.Sprintf(format, args...)
	}
}

// observe is a replica's Observe function.
func (h *History) observe(l *Log, e partition.Event) {
	op := h.find(e.Command)
	if op < 0 {
		h.Strangers++
		return
	}
	key := opAttempt{op, e.Attempt}
	i, open := l.open[key]
	switch e.Kind {
	case partition.EventJudged:
		dests := e.Dests
		if n := len(l.Entries); n == 0 || !l.Entries[n-1].Dests.Equal(dests) {
			dests = append(ids.Set(nil), dests...)
		} else {
			dests = l.Entries[n-1].Dests
		}
		if e.Verdict == partition.VerdictAccepted || e.Verdict == partition.VerdictStale {
			if open {
				l.Twice = append(l.Twice, key)
			}
			if l.Optimist && !l.opt[key] {
				l.unequal("process %d accepted attempt %d of %v, which it had not opt-delivered", l.Process, key.attempt, h.Ops[op].Command)
			}
			l.open[key] = int32(len(l.Entries))
		}
		l.Entries = append(l.Entries, Entry{Position: e.Position, Op: op, Attempt: e.Attempt, Dests: dests, Verdict: e.Verdict})
	case partition.EventStarted:
		if open {
			l.Entries[i].Started = true
		}
	case partition.EventFinished:
		if !open {
			again := Entry{Position: e.Position, Op: op, Attempt: e.Attempt, Outcome: e.Outcome, Reply: e.Reply, Started: true}
			if l.restoring || l.From != (ids.Position{}) && !l.From.Less(e.Position) {
				l.Resumed = append(l.Resumed, again)
			} else {
				l.stray = append(l.stray, again)
			}
			return
		}
		l.Entries[i].Outcome, l.Entries[i].Reply = e.Outcome, e.Reply
		delete(l.open, key)
	}
}
