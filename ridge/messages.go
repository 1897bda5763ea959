package ridge

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// The kinds of Ridge's messages.
const (
	kindPropose = wire.KindRidge + iota
	kindAdvice
	kindPrepare
	kindPromise
	kindAccept
	kindRefuse
	kindDecision
	kindValue
	kindFetch
	kindLearn
	kindHeartbeat
	kindAdvance
	kindQuestion
	kindPosition
	kindConfirm
	kindConfirmed
	kindCast
	kindLack
	kindSupply
	kindVoted
	kindRoll
	kindHerald // a Cast that is alone
	kindTardy
)

// Propose asks an ensemble's coordinator to order a message. An acceptor that
// is not the coordinator forwards it, within a bound of hops.
type Propose struct {
	Ensemble ids.Ensemble
	Hops     uint8
	Message  *Message
	// Cast: the proposer sent the message straight to all replicas of its
	// destinations too.
	Cast bool
	// Herald: this is the coordinator's direct copy, and others may have none.
	Herald bool
	// raw and digest are the message's encoding and digest, if at hand.
	raw    []byte
	digest uint64
}

// direct says whether it doubles as a direct copy.
func (p *Propose) direct() bool { return p.Cast || p.Herald }

func (p *Propose) sealed() sealed {
	return sealed{message: p.Message, raw: p.raw, digest: p.digest, cast: p.Cast}
}

// Reason says why advice is given.
type Reason uint8

// The reasons for advice.
const (
	// Redirect: forwarded, next time send to Coordinator.
	Redirect Reason = iota + 1
	// Early: T0 is more than W ahead of ensemble time.
	Early
	// Late: T0 is more than H behind ensemble time.
	Late
	// Overloaded: a queue or the log is full; try again later.
	Overloaded
	// TooLarge: the body exceeds MaxMessage; never try again.
	TooLarge
	// Misrouted: the ensemble does not order messages for these destinations.
	Misrouted
	// NoRoom: the disk is almost full; try again when there is room.
	NoRoom
	reasons
)

func (r Reason) String() string {
	names := [reasons]string{"none", "redirect", "early", "late", "overloaded", "too large", "misrouted", "disk full"}
	if r < reasons {
		return names[r]
	}
	return "unknown"
}

// Advice tells a proposer what became of a proposal. It is advice only: when
// any copy of the message was sent before, that copy may yet be ordered.
type Advice struct {
	Command  ids.Command
	Attempt  ids.Attempt
	Ensemble ids.Ensemble
	Reason   Reason
	// Kept: the very copy that this is about may be held by whoever passed it on, and
	// be multicast again. Else what is refused as Overloaded, or for NoRoom, is gone.
	Kept bool
	// Coordinator is whom the adviser believes to coordinate, or zero.
	Coordinator ids.Process
	// Time is the ensemble's time.
	Time hlc.Timestamp
}

// prepare is PHASE 1A for all instances from From on. Chain is the round's
// chain: fixed by the round, so that a vote's meaning never changes [R2].
type prepare struct {
	Ensemble ids.Ensemble
	Round    Round
	Chain    []ids.Process
	From     ids.Instance
}

// promise is a page of PHASE 1B: the sender's votes from From on. More pages
// follow from Next on, unless Next is zero.
type promise struct {
	Ensemble ids.Ensemble
	Round    Round
	From     ids.Instance
	Next     ids.Instance
	// Trim is the sender's trim mark [R4].
	Trim  ids.Instance
	Wall  hlc.Timestamp
	Votes []vote
}

// vote is what one acceptor knows of one instance.
type vote struct {
	Instance ids.Instance
	// Decided: the sender knows that Value is decided. Otherwise Round and
	// Value are its last vote, which decides nothing by itself [R3].
	Decided bool
	Round   Round
	Value   *Value
}

// accept is PHASE 2: the value, and the votes cast for it so far, each named
// by its acceptor [R2].
type accept struct {
	Ensemble ids.Ensemble
	Round    Round
	Instance ids.Instance
	Chain    []ids.Process
	Voters   []ids.Process
	// Obliged: Phase 1 forces the coordinator to repeat this value, so no
	// acceptor refuses it for its timestamps [R8].
	Obliged bool
	// Prompt: somebody may wait for a learner other than the coordinator and the
	// end of the chain, so nothing is sent to it lazily.
	Prompt bool
	Value  *Value
}

// voted tells the end of a round's chain of votes that have become durable: each
// for exactly this ensemble, instance, round and value, by the sender [R2].
type voted struct {
	Ensemble ids.Ensemble
	Round    Round
	Votes    []ballot
}

// ballot is a vote's instance and value.
type ballot struct {
	Instance ids.Instance
	ID       ValueID
}

// refuse tells a coordinator why an acceptor did not vote.
type refuse struct {
	Ensemble ids.Ensemble
	Round    Round // the round refused
	Instance ids.Instance
	Reason   refusal
	Promised Round        // the acceptor's round
	Trim     ids.Instance // its trim mark
}

type refusal uint8

const (
	refusedRound   refusal = iota + 1 // a higher round is promised
	refusedTrimmed                    // at or below the trim mark [R4]
	refusedAhead                      // timestamps too far ahead of its clock [R8]
	refusedFull                       // its log is full [N7]
	refusals
)

// decision is DECISION: the instance is decided, with the value so named.
type decision struct {
	Ensemble ids.Ensemble
	Round    Round
	Instance ids.Instance
	ID       ValueID
}

// valueMessage is DISTRIBUTE and VALUE: a decided value. With Distribute set
// the receiver sends it to the learners outside Chain that lack it.
type valueMessage struct {
	Ensemble   ids.Ensemble
	Round      Round
	Instance   ids.Instance
	Chain      []ids.Process
	Distribute bool
	Value      *Value
}

// fetch asks an acceptor what it knows of the instances From..To.
type fetch struct {
	Ensemble ids.Ensemble
	From, To ids.Instance
}

// learn answers fetch with as much as fits a page.
type learn struct {
	Ensemble ids.Ensemble
	Trim     ids.Instance
	Votes    []vote
}

// heartbeat says that the sender lives and how far it is.
type heartbeat struct {
	Wall hlc.Timestamp
	// Hears: the sender has lately heard the receiver.
	Hears bool
	// Full: the sender's disk has too little room left.
	Full bool
	// Burden: what the sender's replica has to remember.
	Burden Burden
	// Often: the sender wants all heartbeats of the receiver, which is of another
	// partition.
	Often bool
	// Doubts are replicas of the sender's partition that it does not hear, or that
	// are behind.
	Doubts []ids.Process
	Items  []heartbeatItem
}

// heartbeatItem is the sender's state in one ensemble.
type heartbeatItem struct {
	Ensemble ids.Ensemble
	// Round is the highest round the sender knows of.
	Round Round
	// Leading: Round is the sender's own and it works on it.
	Leading bool
	// Complains: the sender, an acceptor, thinks that nobody works on Round.
	Complains bool
	// Decided is the highest instance the sender knows to be decided.
	Decided ids.Instance
	// Delivered: all of the sender's deliveries up to it are pulled.
	Delivered ids.Instance
	// Trim is the sender's trim mark.
	Trim ids.Instance
	// Stable: the older of the sender's two durable checkpoints covers it. Zero
	// where nothing is durable.
	Stable ids.Instance
	// Whole is at most Stable: see Core.Whole.
	Whole ids.Instance
	// Needs: what the sender needs to go on comes after it. It is Delivered, or
	// where a state ends that the sender is fetching.
	Needs ids.Instance
	// Version is that of the members that the sender knows.
	Version uint64
	// Held: the sender, an acceptor, holds everything up to it, durably, and knows
	// that it is decided. Told only while a member has no vote.
	Held ids.Instance
}

// advance asks an ensemble's coordinator to reach a key above Key [R9].
type advance struct {
	Ensemble ids.Ensemble
	Hops     uint8
	Key      ids.Position
	// After: messages up to here are on their way to this ensemble's coordinator, to be
	// ordered by it or as direct copies, as the sender knows by its own. Zero: it knows
	// of none.
	After hlc.Timestamp
}

func (*Propose) Kind() wire.Kind      { return kindPropose }
func (*Advice) Kind() wire.Kind       { return kindAdvice }
func (*prepare) Kind() wire.Kind      { return kindPrepare }
func (*promise) Kind() wire.Kind      { return kindPromise }
func (*accept) Kind() wire.Kind       { return kindAccept }
func (*voted) Kind() wire.Kind        { return kindVoted }
func (*refuse) Kind() wire.Kind       { return kindRefuse }
func (*decision) Kind() wire.Kind     { return kindDecision }
func (*valueMessage) Kind() wire.Kind { return kindValue }
func (*fetch) Kind() wire.Kind        { return kindFetch }
func (*learn) Kind() wire.Kind        { return kindLearn }
func (*heartbeat) Kind() wire.Kind    { return kindHeartbeat }
func (*advance) Kind() wire.Kind      { return kindAdvance }
func (*lack) Kind() wire.Kind         { return kindLack }
func (*supply) Kind() wire.Kind       { return kindSupply }
