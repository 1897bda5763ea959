// Package partition is one partition's replica (dissertation, chapter 4): its
// variables, conservative execution, the signals and remote variables that
// partitions exchange, replies, and the exactly-once table. It consumes
// deliveries in order, whatever multicast they come from. Everything here is
// a deterministic state machine without IO.
package partition

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Key names a variable.
type Key struct {
	// Collection is the collection's index in its Service.
	Collection uint16
	// Name is the variable's key within it, encoded so that byte order is
	// key order.
	Name string
}

// MaxName is the greatest length of a Name, in bytes, that a command may write:
// every store of checkpoints takes it. One that writes a longer one ends in
// ErrBudget.
const MaxName = 32000

// Range names the variables of a collection with Lo <= Name < Hi; an empty Hi
// is no upper bound. If At is not nil, all of them are placed at *At (a
// placement key), and those elsewhere are not in the range.
type Range struct {
	Collection uint16
	Lo, Hi     string
	At         *string
}

// Access is what a command will touch, computed from its argument alone.
type Access struct {
	// Exact promises that the command touches nothing else: leaving it is
	// ErrAccess. Otherwise the items are a hint.
	Exact bool
	Items []Item
	// Elsewhere is how many items are left out; see Lent.Elsewhere.
	Elsewhere int
}

// Item is a variable or, if Range is not nil, a range, read or written.
type Item struct {
	Key   Key
	Range *Range
	Write bool
	// Blind, in a written variable: the command does nothing to it but Update by
	// the operation Op. Two such items do not conflict if they name the same
	// operation and that Commutes.
	Blind bool
	Op    uint16
	// here: this partition alone holds the variable.
	here bool
	// found is the variable, if it has been found by its name; it may be dead by now.
	found *variable
}

// Placement says which partitions hold what; the oracle implements it. A
// Placement is immutable; a new map is a new Placement with a higher Version.
type Placement interface {
	Version() uint64
	// Owners is part(v): one partition, or all of them.
	Owners(Key) ids.Set
	// RangeOwners holds every variable of the range between them: the
	// partitions whose parts, united, are the range. For a range replicated
	// everywhere, any one is enough: everywhere is true.
	RangeOwners(Range) (owners ids.Set, everywhere bool)
}

// nameOwners is what a Placement may have, too: Owners of a name in a buffer, and
// of many names of eight bytes, which are given as big-endian numbers, if each has one
// owner; else it is false.
type nameOwners interface {
	OwnersOf(collection uint16, name []byte) ids.Set
	OwnerEach(collection uint16, words []uint64, owners []ids.Partition) bool
}

// Tx is what a command's code sees. Methods block (yield) until a remote
// value is there; they unwind the code when the command ends early, so no
// method returns an error.
type Tx interface {
	// Get returns the encoding of a variable's value; the caller must not
	// change it.
	Get(Key) (value []byte, ok bool)
	Put(Key, []byte)
	Delete(Key)
	// Update applies a registered operation to the variable at its owner,
	// at the end; it ships nothing.
	Update(k Key, op uint16, arg []byte)
	// Again is Update of another variable, by the operation and with the argument
	// of the last call of Update, whatever other methods were called since; without
	// one, it ends the command with ErrArgument.
	Again(k Key)
	// Pass is Update, with so many bytes, of a variable whose item is left out of
	// the access; see Lent.Elsewhere.
	Pass(bytes int)
	// Range calls yield in key order until it returns false.
	Range(r Range, yield func(name string, value []byte) bool)
	// Now is the command's final timestamp.
	Now() hlc.Timestamp
	// Rand draws 64 bits from a source seeded by the command's id: the
	// same at every replica.
	Rand() uint64
}

// Service is what a replica executes: ssmr builds it from typed parts.
// Indices into its slices are names on the wire, so every process of a
// cluster and its clients must hold the same Service (see Fingerprint).
type Service struct {
	Name        string
	Collections []Collection
	Commands    []CommandSpec
	Operations  []Operation
	// Errors are known by name at the client. A command's error takes the
	// name of the first that errors.Is finds in it.
	Errors []NamedError
	// Version of the code in Commands, from 1 on, if it is ever to change; zero
	// if not. Former are versions that the program carries besides, rising.
	Version uint32
	Former  []Former
}

// Collection is a named set of variables placed by one rule.
type Collection struct {
	Name string
	// Place maps a variable's name to its placement key; nil is identity.
	Place func(name string) string
	// Everywhere: every partition holds every variable.
	Everywhere bool
	// Immutable: Get may hand out the state's own bytes, and Put keeps the
	// bytes it is given; with checks on, a digest catches a command that
	// changes them [E2].
	Immutable bool
	// Diff and Patch, if not nil, let a changed value be shipped to those that
	// hold an older one as what has changed: Patch(old, Diff(old, new)) is new, to
	// the byte. Diff may say that it is not worth it. They must be deterministic,
	// and keep and change nothing of what they are given; what they make that is
	// not right costs a message more, and nothing else.
	Diff  func(old, new []byte) (diff []byte, ok bool)
	Patch func(old, diff []byte) ([]byte, error)
}

// CommandSpec is a command's code.
type CommandSpec struct {
	Name string
	// ReadOnly: it never writes; where it tries to, or says that it will, it
	// fails with ErrReadOnly. If it needs one partition alone it may be executed
	// as a read, by one replica and without a place in the order: linearizable
	// like all others, but Tx.Now is then the time of the last command before it.
	ReadOnly bool
	// Access recomputes what an argument touches. It must be a function of
	// arg alone. An error refuses the command (ErrArgument).
	Access func(arg []byte) (Access, error)
	// Run executes; it must not change arg. An error made by Fail or registered
	// by name drops the writes and is the reply.
	Run func(tx Tx, arg []byte) ([]byte, error)
	// Prepare, if not nil, is what replicas use instead: Access and Run with
	// one decoding of the argument between them. What it makes of an argument
	// must be what Access and Run make of it; it must keep nothing of arg. The items
	// that it returns are lent to it, or new: they are used again, too.
	Prepare func(arg []byte, lent Lent) (Access, Code, error)
}

// Code is a command with its argument, to be run once, as Run does.
type Code interface {
	Run(tx Tx) ([]byte, error)
}

// Sliding is an operation with its argument, which it must not change. It is called for
// several variables, in any order, and for runs that are given up, and keeps no memory of
// it. What it returns is copied at once; a drop out of range counts as a panic.
type Sliding func(old []byte, ok bool) (drop int, more []byte)

// Value is the new value, in memory of its own: what Apply returns of an operation that
// says all by Slide.
func (s Sliding) Value(old []byte, ok bool) []byte {
	drop, more := s(old, ok)
	return append(append([]byte(nil), old[drop:]...), more...)
}

// Operation is what Update names: total, deterministic, without closure.
// It returns the new value; ok says whether there was an old one.
type Operation struct {
	Name  string
	Apply func(old []byte, ok bool, arg []byte) []byte
	// Slide, if not nil, says the same as Apply in another way: the new value is
	// old[drop:] followed by more. It spares the copying of what is kept; and what it
	// makes of an argument, once, is applied to all variables that a command updates
	// by it.
	Slide func(arg []byte) Sliding
	// Commutes promises that the order in which it is applied, to any value and
	// with any arguments, makes no difference to the value: the same bytes come of
	// it. That has to hold for what ends it, too: it never panics, and by itself
	// keeps values below the bound of a command's bytes. Commands that say so
	// beforehand (Item.Blind) then need not wait for each other. Replicas execute
	// them in different orders: a promise that does not hold makes them diverge.
	Commutes bool
}

// Delivery is a cons-delivered command.
type Delivery struct {
	Position ids.Position
	Command  ids.Command
	Attempt  ids.Attempt
	T0       hlc.Timestamp
	Mark     ids.Sequence
	Guard    hlc.Timestamp
	Dests    ids.Set
	Body     []byte // an encoded Request
	Proposed hlc.Timestamp
	// Nearest is the replica that learned of the order first, or zero; the
	// natural one to answer. A hint: the pull and the client's resend are the
	// guarantee.
	Nearest ids.Process
	// Origin is the replica that proposed it, or zero or a process of another
	// partition: the natural one to send the optimistic reply to a command of one
	// partition. A hint, as Nearest.
	Origin ids.Process
}

// Send is a message to put on the wire.
type Send struct {
	To  ids.Addr
	Msg wire.Message
}
