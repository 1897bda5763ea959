package journal

import (
	"errors"
	"fmt"
)

var (
	// ErrAmnesia: what was durable is missing or wrong. The process must not
	// act as an acceptor with this journal: it would vote as if it had never
	// voted. It has to be brought back as a new member.
	ErrAmnesia = errors.New("the journal has lost durable records")
	// ErrForeign: a file belongs to another journal.
	ErrForeign = errors.New("file of another journal")
	// ErrNewer: the journal was written by a newer version of the program.
	ErrNewer = errors.New("journal of a newer format")
	// ErrExists: Create found something.
	ErrExists = errors.New("there is something already; a journal is never formatted anew")
	// ErrTooLarge: a body above MaxBody, or more states than a segment can begin with.
	ErrTooLarge = errors.New("record too large")
	// ErrClosed: the journal has been closed.
	ErrClosed = errors.New("journal is closed")
	// ErrNoRoom: the disk has no room for another segment. It is Commit's, and the
	// only one after which it may be called again.
	ErrNoRoom = errors.New("no room for another segment of the journal")
	// ErrMisuse: the rules of Take, Commit and Done were broken.
	ErrMisuse = errors.New("journal misused")
)

// Damage says what is wrong with a file. It wraps ErrAmnesia or ErrForeign.
type Damage struct {
	Kind     error
	File     string
	Offset   int64
	Seq      uint64 // the record that should be there, 0 if unknown
	Frontier uint64 // the journal was durable at least up to here, 0 if unknown
	What     string
}

func (d *Damage) Error() string {
	todo := "Do not start this process with this journal, and do not remove the journal to get on: its votes are lost, " +
		"and others may have counted them. Keep the files for examination, and have the machine replaced by a new member. " +
		"If the disk was merely not mounted or an old copy was put in its place, give it the right one."
	if errors.Is(d.Kind, ErrForeign) {
		todo = "Files were mixed up: give every process its own directory again."
	}
	return fmt.Sprintf("%v: %s at offset %d (sequence %d, durable at least up to %d): %s. %s",
		d.Kind, d.File, d.Offset, d.Seq, d.Frontier, d.What, todo)
}

func (d *Damage) Unwrap() error { return d.Kind }
