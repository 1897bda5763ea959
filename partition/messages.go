package partition

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Kinds of this package's messages.
const (
	KindReply        = wire.KindPartition + iota // replica -> client
	KindExchange                                 // replica -> replicas of another destination
	KindPull                                     // replica -> replica of another destination
	KindAnswer                                   // replica -> replica that pulled
	KindProgress                                 // replica -> replicas of other partitions
	KindCheck                                    // replica -> replicas of another destination; Checks only
	KindReadRequest                              // client -> one replica
	KindReadReply                                // that replica -> client
	KindStateSum                                 // replica -> replicas of the same partition
	KindConfirmation                             // replica -> client
	KindSignals                                  // replica -> replicas of another destination
)

// Tag names one attempt of a command at its place in the order. Invariant:
// equal positions have equal tags, at all destinations.
type Tag struct {
	Position ids.Position
	Command  ids.Command
	Attempt  ids.Attempt
}

// Exchange is what a destination tells the others about one command: the
// signal of Algorithm 1 line 11, values of line 15, or both. A command's
// exchange may come in several messages, more than once, and in any order.
type Exchange struct {
	Tag
	// Signal says that the sending partition has started the command.
	Signal bool
	// Vars are values that the command reads, as they were before it.
	Vars []Var
	// Names are the versions of Vars that their receivers may keep, one for
	// each; or there are none.
	Names []Version
	// Same are further values, told by the names under which they were told
	// before.
	Same []Same
	// Parts are the sending partition's parts of ranges that it reads.
	Parts []Part
}

// Var is a variable's value before a command.
type Var struct {
	Key   Key
	OK    bool // whether there is one
	Value []byte
}

// Part is one partition's part of a range before a command, in key order.
type Part struct {
	Range Range
	// Cut says that more items follow the last; whoever reads that far asks
	// for the range from there. A cut part is not empty.
	Cut   bool
	Items []PartItem
}

// PartItem is a variable within a Part.
type PartItem struct {
	Name  string
	Value []byte
}

// Pull asks for everything that the receiver's partition has to say about a
// command. It is the guarantee behind the exchange: whatever was lost or
// dropped is asked for until it comes.
type Pull struct{ Tag }

// AnswerStatus says why a Pull is not answered by an Exchange.
type AnswerStatus uint8

const (
	// AnswerNotYet: the question is remembered.
	AnswerNotYet AnswerStatus = iota + 1
	// AnswerPassed: the order has passed the position and the command was not
	// accepted there: a broken invariant [E7].
	AnswerPassed
	// AnswerGone: the entry was dropped; every entry above Below is still there.
	AnswerGone
)

// Answer answers a Pull without having anything.
type Answer struct {
	Tag
	Status AnswerStatus
	Below  ids.Position
}

// Progress tells which commands that its receiver's partition shares its
// sender has finished: all of those below Below but Except. Invariant: what
// one says finished, every later one of the same sender does.
type Progress struct {
	Below  ids.Position
	Except []ids.Position // ascending, below Below
	// Ask wants a Progress in return.
	Ask bool
}

// maxExcept bounds Progress.Except.
const maxExcept = 1 << 12

// Check is a digest of a command's whole write set; destinations compare them
// when Config.Checks is on [N1].
type Check struct {
	Tag
	Digest uint64
}

// Kind implements wire.Message.
func (*Exchange) Kind() wire.Kind { return KindExchange }

// Kind implements wire.Message.
func (*Pull) Kind() wire.Kind { return KindPull }

// Kind implements wire.Message.
func (*Answer) Kind() wire.Kind { return KindAnswer }

// Kind implements wire.Message.
func (*Progress) Kind() wire.Kind { return KindProgress }

// Kind implements wire.Message.
func (*Check) Kind() wire.Kind { return KindCheck }
