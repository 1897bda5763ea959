// Package wire is how messages become bytes: the kinds, the fixed layout in
// which hot messages are written, and the strict reader that refuses
// everything else. Bytes read here come from outside and may be anything.
package wire

// Kind tells messages apart on the wire. Each protocol package owns a range
// and encodes its own messages; docs/messages.md lists them all.
type Kind uint8

// First kind of each package. A package's kinds reach up to the next range.
const (
	KindRidge     Kind = 0x10
	KindPartition Kind = 0x40
	KindNode      Kind = 0x70
	KindClient    Kind = 0x90
)

// Message is what cores exchange. A message is immutable once sent: the
// receiver and, on an in-memory transport, the sender may hold it at once.
type Message interface {
	Kind() Kind
	// Append appends the message's body, without its kind, to b.
	Append(b []byte) []byte
}

// Tailed is a Message that may end with many bytes that need not be copied.
type Tailed interface {
	Message
	// AppendHead appends the body but for its last bytes, which it returns:
	// b and then the tail is what Append appends. The tail is never changed.
	AppendHead(b []byte) (head, tail []byte)
}

// Decoder decodes one body of one kind. The result may alias body, which the
// caller must not change afterwards. It returns an error wrapping ErrMalformed
// on any unknown kind, wrong count, oversized length or trailing byte, before
// it allocates for them.
type Decoder func(kind Kind, body []byte) (Message, error)
