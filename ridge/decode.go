package ridge

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Decode decodes one of Ridge's messages strictly. The result aliases body.
func Decode(kind wire.Kind, body []byte) (wire.Message, error) {
	r := wire.NewReader(body)
	var m wire.Message
	switch kind {
	case kindPropose:
		m = readPropose(&r, body)
	case kindAdvice:
		m = readAdvice(&r)
	case kindPrepare:
		m = &prepare{Ensemble: readEnsemble(&r), Round: readRound(&r), Chain: readChain(&r), From: readInstance(&r)}
	case kindPromise:
		m = readPromise(&r)
	case kindAccept:
		m = readAccept(&r)
	case kindVoted:
		m = readVoted(&r)
	case kindRefuse:
		m = readRefuse(&r)
	case kindDecision:
		m = &decision{Ensemble: readEnsemble(&r), Round: readRound(&r), Instance: readInstance(&r), ID: readValueID(&r)}
	case kindValue:
		m = readValueMessage(&r)
	case kindFetch:
		m = &fetch{Ensemble: readEnsemble(&r), From: readInstance(&r), To: readInstance(&r)}
	case kindLearn:
		m = &learn{Ensemble: readEnsemble(&r), Trim: readInstance(&r), Votes: readVotes(&r)}
	case kindRoll:
		m = &roll{ReadMembers(&r)}
	case kindHeartbeat:
		m = readHeartbeat(&r)
	case kindCast:
		m = readCast(&r, body)
	case kindHerald:
		c := readCast(&r, body)
		c.Alone, m = true, c
	case kindLack:
		m = readLack(&r)
	case kindSupply:
		m = &supply{Ensemble: readEnsemble(&r), Instance: readInstance(&r), Value: readValue(&r)}
	case kindTardy:
		m = &tardy{Ensemble: readEnsemble(&r), Process: ids.Process(r.Uint16())}
	case kindAdvance:
		m = &advance{Ensemble: readEnsemble(&r), Hops: r.Byte(), Key: r.Position(), After: r.Timestamp()}
	case kindQuestion:
		m = &question{Ensemble: readEnsemble(&r), Number: r.Uvarint()}
	case kindPosition:
		m = readPosition(&r)
	case kindConfirm:
		m = &confirm{Ensemble: readEnsemble(&r), Round: readRound(&r), Number: r.Uvarint()}
	case kindConfirmed:
		m = &confirmed{Ensemble: readEnsemble(&r), Round: readRound(&r), Number: r.Uvarint()}
	default:
		r.Fail("unknown kind")
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return m, nil
}

func readEnsemble(r *wire.Reader) ids.Ensemble { return ids.Ensemble(r.Uint16()) }

// maxInstance keeps arithmetic on instances from outside far from overflow.
const maxInstance = 1 << 62

func readInstance(r *wire.Reader) ids.Instance {
	k := r.Uvarint()
	if k > maxInstance {
		r.Fail("instance out of range")
		return 0
	}
	return ids.Instance(k)
}

// readChain reads distinct processes, at most MaxAcceptors.
func readChain(r *wire.Reader) []ids.Process {
	n := r.Count(2)
	if n > MaxAcceptors {
		r.Fail("too many acceptors")
		return nil
	}
	if n == 0 {
		return nil
	}
	ps := make([]ids.Process, n)
	for i := range ps {
		ps[i] = ids.Process(r.Uint16())
		for _, q := range ps[:i] {
			if q == ps[i] {
				r.Fail("an acceptor stands twice")
				return nil
			}
		}
	}
	return ps
}

func readPropose(r *wire.Reader, body []byte) *Propose {
	// All in one allocation: proposals are the most frequent message.
	x := &struct {
		p     Propose
		m     Message
		dests [4]ids.Partition
	}{}
	x.p = Propose{Ensemble: readEnsemble(r), Hops: r.Byte(), Message: &x.m}
	x.p.Cast, x.p.Herald = x.p.Hops&castHops != 0, x.p.Hops&heraldHops != 0
	x.p.Hops &^= castHops | heraldHops
	sets := x.dests[:0]
	at := len(body) - r.Len()
	if x.p.direct() && len(body) < maxCopied {
		body = slices.Clone(body)
		*r = wire.NewReader(body[at:])
	}
	x.m.read(r, &sets)
	x.p.raw = body[at : len(body)-r.Len()]
	if x.p.direct() {
		x.p.digest = digestOf(x.p.raw, x.m.Body)
	}
	return &x.p
}

// maxCopied: a message that was cast is kept until its conservative delivery,
// and in logs. It is copied out of the buffer in which it came with much else,
// unless it is most of it.
const maxCopied = 32 << 10

func readCast(r *wire.Reader, body []byte) *Cast {
	if len(body) < maxCopied {
		body = slices.Clone(body)
		*r = wire.NewReader(body)
	}
	x := &struct {
		c     Cast
		m     Message
		dests [4]ids.Partition
	}{}
	x.c = Cast{Message: &x.m, raw: body}
	sets := x.dests[:0]
	if x.m.read(r, &sets); r.Err() == nil {
		x.c.digest = digestOf(body[:len(body)-r.Len()], x.m.Body)
	}
	return &x.c
}

// readLack reads entries in strictly rising order.
func readLack(r *wire.Reader) *lack {
	m := &lack{Ensemble: readEnsemble(r), Instance: readInstance(r), ID: readValueID(r)}
	n := r.Count(4)
	if n == 0 {
		return m
	}
	m.Entries = make([]uint32, n)
	for i := range m.Entries {
		m.Entries[i] = r.Uint32()
		if i > 0 && m.Entries[i] <= m.Entries[i-1] {
			r.Fail("entries out of order")
		}
	}
	return m
}

func readAdvice(r *wire.Reader) *Advice {
	m := &Advice{Command: r.Command(), Attempt: readAttempt(r)}
	m.Ensemble = readEnsemble(r)
	reason := r.Byte()
	m.Reason, m.Kept = Reason(reason&^keptReason), reason&keptReason != 0
	m.Coordinator = ids.Process(r.Uint16())
	m.Time = r.Timestamp()
	if r.Err() == nil && (m.Reason == 0 || m.Reason >= reasons) {
		r.Fail("advice out of range")
	}
	return m
}

func readPromise(r *wire.Reader) *promise {
	m := &promise{Ensemble: readEnsemble(r), Round: readRound(r), From: readInstance(r)}
	m.Next, m.Trim, m.Wall = readInstance(r), readInstance(r), r.Timestamp()
	m.Votes = readVotes(r)
	for i := range m.Votes {
		k := m.Votes[i].Instance
		if k < m.From || m.Next != 0 && k >= m.Next {
			r.Fail("a vote outside its page")
		}
	}
	return m
}

// readVotes reads votes in strictly rising order of instance.
func readVotes(r *wire.Reader) []vote {
	n := r.Count(2 + roundSize + valueIDSize + 2)
	if n == 0 {
		return nil
	}
	vs := make([]vote, n)
	for i := range vs {
		vs[i] = vote{Instance: readInstance(r), Decided: r.Bool(), Round: readRound(r), Value: readValue(r)}
		if r.Err() == nil && i > 0 && vs[i].Instance <= vs[i-1].Instance {
			r.Fail("votes out of order")
		}
		if r.Err() == nil && vs[i].Value.absent > 0 {
			r.Fail("a vote for a value without its payloads") // [R6]
		}
		if r.Err() != nil {
			return nil
		}
	}
	return vs
}

func readAccept(r *wire.Reader) *accept {
	m := &accept{Ensemble: readEnsemble(r), Round: readRound(r), Instance: readInstance(r)}
	m.Chain, m.Voters = readChain(r), readChain(r)
	m.Obliged, m.Prompt = r.Bool(), r.Bool()
	m.Value = readValue(r)
	return m
}

func readVoted(r *wire.Reader) *voted {
	m := &voted{Ensemble: readEnsemble(r), Round: readRound(r)}
	m.Votes = make([]ballot, r.Count(1+valueIDSize))
	for i := range m.Votes {
		m.Votes[i] = ballot{Instance: readInstance(r), ID: readValueID(r)}
	}
	return m
}

func readRefuse(r *wire.Reader) *refuse {
	m := &refuse{Ensemble: readEnsemble(r), Round: readRound(r), Instance: readInstance(r)}
	m.Reason, m.Promised, m.Trim = refusal(r.Byte()), readRound(r), readInstance(r)
	if r.Err() == nil && (m.Reason == 0 || m.Reason >= refusals) {
		r.Fail("refusal out of range")
	}
	return m
}

func readValueMessage(r *wire.Reader) *valueMessage {
	m := &valueMessage{Ensemble: readEnsemble(r), Round: readRound(r), Instance: readInstance(r)}
	m.Chain, m.Distribute = readChain(r), r.Bool()
	m.Value = readValue(r)
	return m
}

func readHeartbeat(r *wire.Reader) *heartbeat {
	m := &heartbeat{Wall: r.Timestamp(), Hears: r.Bool(), Full: r.Bool(), Burden: readBurden(r), Often: r.Bool(), Doubts: readChain(r)}
	n := r.Count(2 + roundSize + 10)
	if n == 0 {
		return m
	}
	m.Items = make([]heartbeatItem, n)
	for i := range m.Items {
		m.Items[i] = heartbeatItem{
			Ensemble: readEnsemble(r), Round: readRound(r), Leading: r.Bool(), Complains: r.Bool(),
			Decided: readInstance(r), Delivered: readInstance(r), Trim: readInstance(r), Stable: readInstance(r),
			Whole: readInstance(r), Needs: readInstance(r),
			Version: r.Uvarint(), Held: readInstance(r),
		}
	}
	return m
}

func readBurden(r *wire.Reader) Burden {
	b := Burden(r.Byte())
	if r.Err() == nil && b > Laden {
		r.Fail("burden out of range")
	}
	return b
}
