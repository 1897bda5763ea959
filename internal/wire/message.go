// Package wire is how messages become bytes: the kinds, the fixed layout in
// which hot messages are written, and the strict reader that refuses
// everything else. Bytes read here come from outside and may be anything.
package wire

// Kind tells messages apart on the wire. Each protocol package owns a range
// and encodes its own messages; docs/messages.md lists them all.
type Kind uint8

// First kind of each package. A package's kinds reach up to the next range.
const (
	KindRidge      Kind = 0x10
	KindPartition  Kind = 0x40
	KindOptimistic Kind = 0x60
	KindNode       Kind = 0x70
	KindClient     Kind = 0x90
)

// Message is what cores exchange. A message is immutable once sent: the
// receiver and, on an in-memory transport, the sender may hold it at once.
type Message interface {
	Kind() Kind
	// Append appends the message's body, without its kind, to b.
	Append(b []byte) []byte
}

// Tailed is a Message that may have long byte strings that need not be copied,
// and whose decoder verifies them.
type Tailed interface {
	Message
	// Tails says whether there are any.
	Tails() bool
	// AppendCut appends the body without its tails, which it appends to cuts
	// with their places in b: with them b is what Append appends. Tails are not
	// empty and never change. Invariant: the decoder refuses the body if
	// anything from b[sum] on, tails included, is not what was sent, so that no
	// other checksum need cover that. No cut is before sum.
	AppendCut(b []byte, cuts []Cut) (_ []byte, _ []Cut, sum int)
}

// Cut is a byte string that stands before byte At of others.
type Cut struct {
	At   int
	Tail []byte
}

// TailMin is how long a tail should be: below, copying it costs less than
// another piece in a system call.
const TailMin = 8 << 10

// Decoder decodes one body of one kind. The result may alias body, which the
// caller must not change afterwards. It returns an error wrapping ErrMalformed
// on any unknown kind, wrong count, oversized length or trailing byte, before
// it allocates for them.
type Decoder func(kind Kind, body []byte) (Message, error)
