package ridge

import (
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Record is what an acceptor must not forget: with Instance zero its ensemble's
// promise and trim mark, else its vote. Of an ensemble and instance the last
// record counts.
type Record struct {
	Ensemble ids.Ensemble
	Instance ids.Instance
	// Body is in pieces, which alias what they are taken from.
	Body [][]byte
}

// Bytes is the body in one piece.
func (r Record) Bytes() []byte {
	if len(r.Body) == 1 {
		return r.Body[0]
	}
	var b []byte
	for _, p := range r.Body {
		b = append(b, p...)
	}
	return b
}

// Trim says that the records of an ensemble's instances 1..UpTo are needed no
// more.
type Trim struct {
	Ensemble ids.Ensemble
	UpTo     ids.Instance
}

// Records drains the records to journal, in order. They are valid until the next
// call.
func (c *Core) Records() []Record { return nil }

// Durable says that the first n records that Records has given, in this life, are
// durable.
func (c *Core) Durable(now hlc.Now, n uint64) {}

// Forgotten drains the trims for the journal.
func (c *Core) Forgotten() []Trim { return nil }

// Full says whether the disk has too little room left. Then proposals are refused.
func (c *Core) Full(full bool) { c.noRoom = full }
