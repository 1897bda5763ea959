package node

import (
	"errors"
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Own is the name under which the process's own records, which belong to no
// ensemble, stand in the journal.
const Own = ids.All - 1

// Recovered is what a durable process finds on its disk when it starts.
type Recovered struct {
	// Records are all live records of the journal, in order of sequence.
	Records []ridge.Record
	// Sequence is that of the journal's last record, by its own count.
	Sequence uint64
	// Checkpoints are those kept, the newest first.
	Checkpoints []Saved
}

// Saved is a checkpoint on disk.
type Saved struct {
	Manifest *Manifest
	// Items gives all items in ascending order of key to add, any number at a
	// time. It fails if they are not what was written.
	Items func(add func([]partition.StateItem) error) error
}

// Errors of a start from a directory. They are wrapped by New's.
var (
	// ErrService: what the directory holds was made by another version of the
	// service, or by another service. Its commands would have other effects if
	// they were executed again by this one's code [C7].
	ErrService = errors.New("the directory belongs to another service, or another version of it, than this program carries; start the program that wrote it")
	// ErrDirectory: the parts of the directory do not belong together.
	ErrDirectory = errors.New("the directory's parts do not belong together or to this process")
)

// founded is the record of the founded list. It is written before the process
// takes part in anything.
type foundedRecord struct {
	service uint64 // what the journal's commands are to be executed by [C7]
	members []ids.Process
	list    []ids.Incarnation
	place   []ridge.Members // by which the process replaced another; format 2
}

const (
	foundedFormat  = 1
	replacedFormat = 2
)

func (f *foundedRecord) append(b []byte) []byte {
	format := byte(foundedFormat)
	if f.place != nil {
		format = replacedFormat
	}
	b = append(b, format)
	b = wire.AppendUint64(b, f.service)
	b = wire.AppendUvarint(b, uint64(len(f.members)))
	for i, p := range f.members {
		b = wire.AppendUint16(b, uint16(p))
		b = wire.AppendUint64(b, uint64(f.list[i]))
	}
	if f.place != nil {
		b = appendMembers(b, f.place)
	}
	return b
}

func readFounded(b []byte) (*foundedRecord, error) {
	r := wire.NewReader(b)
	v := r.Byte()
	if v != foundedFormat && v != replacedFormat {
		r.Fail(fmt.Sprintf("format %d", v))
	}
	f := &foundedRecord{service: r.Uint64()}
	for n := r.Count(10); n > 0; n-- {
		f.members = append(f.members, ids.Process(r.Uint16()))
		f.list = append(f.list, ids.Incarnation(r.Uint64()))
	}
	if v == replacedFormat {
		f.place = readMembers(&r)
	}
	return f, r.Done()
}

// own takes the process's own records out of those of the journal and resumes
// from them.
func (n *Node) own(records []ridge.Record) (rest []ridge.Record, err error) {
	rest = records
	for _, rec := range records {
		if rec.Ensemble != Own {
			continue
		}
		if len(rest) == len(records) {
			rest = slices.DeleteFunc(slices.Clone(records), func(r ridge.Record) bool { return r.Ensemble == Own })
		}
		f, err := readFounded(rec.Bytes())
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: the list of processes: %w", ErrDirectory, err)
		case f.service != n.service():
			return nil, ErrService
		case !slices.Equal(f.members, n.founding.members):
			return nil, fmt.Errorf("%w: written by a cluster of processes %v, started as one of %v", ErrDirectory, f.members, n.founding.members)
		case !n.founding.own(f.list, f.place):
			return nil, fmt.Errorf("%w: the journal is of another incarnation of process %d", ErrDirectory, n.cfg.Self)
		}
		n.founding.place = f.place
		n.founding.resume(f.list)
	}
	if len(rest) > 0 && !n.founding.founded {
		return nil, fmt.Errorf("%w: the journal has votes, but no list of processes", ErrDirectory)
	}
	return rest, nil
}

// journal numbers what a node gives its driver to journal. The node's own
// records are woven into Ridge's, which knows nothing of them.
type journal struct {
	records []ridge.Record
	given   uint64   // records given so far
	durable uint64   // of them
	own     []uint64 // the places of those that are the node's and not durable
	earlier uint64   // the node's that are durable
	written bool     // the founded list is among them
}

// Records drains what is to be journalled, in this order, before anything that
// Ordered and Sends returned in the same round leaves. The slice, and the
// bodies in it, are valid until the next call.
func (n *Node) Records() []ridge.Record {
	j := &n.journal
	clear(j.records)
	j.records = j.records[:0]
	if n.founding.fixing != nil && !j.written {
		j.written = true
		f := foundedRecord{n.service(), n.founding.members, n.founding.fixing, n.founding.place}
		j.own = append(j.own, j.given)
		j.records = append(j.records, ridge.Record{Ensemble: Own, Body: [][]byte{f.append(nil)}})
	}
	if n.cfg.Durable {
		j.records = append(j.records, n.ridge.Records()...)
	}
	j.given += uint64(len(j.records))
	return j.records
}

// Durable says that the first upTo records that Records gave are durable.
func (n *Node) Durable(now hlc.Now, upTo uint64) {
	n.now = now
	j := &n.journal
	if upTo > j.given {
		n.fail(fmt.Errorf("node: %d records are said to be durable, of %d", upTo, j.given))
		return
	}
	j.durable = max(j.durable, upTo)
	for len(j.own) > 0 && j.own[0] < upTo {
		j.own, j.earlier = j.own[1:], j.earlier+1
		n.firm()
	}
	if n.founding.started { // before, time must not begin for Ridge
		n.ridge.Durable(now, upTo-j.earlier)
	}
}

// firm begins, now that the founded list is durable. Whoever replaces another is
// told the members with it.
func (n *Node) firm() {
	n.founding.firm()
	n.ridge.Adopt(n.founding.place)
}

// Trims drains what the journal may forget.
func (n *Node) Trims() []ridge.Trim { return n.ridge.Forgotten() }

// Rot is what was found damaged of the journal while the process ran.
type Rot struct {
	// Found are parts of it, and There says that one is not mended yet: until
	// then the process would be refused if it were started again.
	Found uint64 `json:"found"`
	There bool   `json:"there"`
}

// RecordName is what a record is about.
type RecordName struct {
	Ensemble ids.Ensemble
	Instance ids.Instance
}

// Mend gives records again, which the journal holds where it is damaged.
func (n *Node) Mend(names []RecordName, rot Rot) {
	n.rot = rot
	for _, name := range names {
		n.ridge.Again(name.Ensemble, name.Instance)
	}
}

// Full says whether the disk has too little room left: then commands are
// refused, and all else goes on.
func (n *Node) Full(full bool) { n.ridge.Full(full) }

// service is the fingerprint of what executes the commands; other machines
// have none.
func (n *Node) service() uint64 {
	if n.cfg.Service == nil {
		return 0
	}
	return n.cfg.Service.Fingerprint()
}

// fail makes the node stop; the first reason counts.
func (n *Node) fail(err error) {
	if n.err == nil {
		n.err = err
	}
}
