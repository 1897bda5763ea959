package host

import (
	"encoding/binary"
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/ridge"
)

// shelf is what a shared journal has of one process.
type shelf struct {
	process ids.Process
	records []shelved
	// heir is the only incarnation that may go on from here; zero while nothing
	// has been given up.
	heir ids.Incarnation
}

// shelved is a record with its place in the journal's sequence, in which they are.
type shelved struct {
	seq uint64
	ridge.Record
}

// legacy is a record of the directory itself, under its process zero and the
// number of the process whose memory was given up. It bequeaths the place to heir.
//
// Invariant: no record up to the journal's sequence since is the heir's, and no
// record above it the predecessor's. The predecessor's leave the index
// (Journal.Forget) whenever the journal is opened, before anything is written,
// so neither a new segment nor upkeep has copies of them.
type legacy struct {
	heir  ids.Incarnation
	since uint64
}

const legacyFormat = 1

func (l legacy) encode() []byte {
	b := binary.LittleEndian.AppendUint64([]byte{legacyFormat}, uint64(l.heir))
	return binary.LittleEndian.AppendUint64(b, l.since)
}

func decodeLegacy(b []byte) (legacy, error) {
	if len(b) != 17 || b[0] != legacyFormat {
		return legacy{}, fmt.Errorf("%w: the journal says of a process that its memory was given up, in a form that this program does not know; start the newer one that wrote it", ErrDirectory)
	}
	return legacy{ids.Incarnation(binary.LittleEndian.Uint64(b[1:])), binary.LittleEndian.Uint64(b[9:])}, nil
}

// openShelves opens a shared journal, and says what it has of each process.
func openShelves(fsys vfs.FS, id journal.ID) (*journal.Journal, map[ids.Process]*shelf, error) {
	shelves, legacies := map[ids.Process]*shelf{}, map[ids.Process]legacy{}
	of := func(p ids.Process) *shelf {
		if shelves[p] == nil {
			shelves[p] = &shelf{process: p}
		}
		return shelves[p]
	}
	j, err := openJournal(fsys, id, func(r journal.Record) (err error) {
		p := ids.Process(r.Ensemble >> partBits)
		if p == 0 {
			p = ids.Process(r.Ensemble)
			legacies[p], err = decodeLegacy(r.Body)
			return err
		}
		s := of(p)
		s.records = append(s.records, shelved{r.Seq, recordOf(r)})
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for p, l := range legacies { // each changes what is its own
		of(p).heir = l.heir
		of(p).forget(j, l.since)
	}
	return j, shelves, nil
}

// found is what a node begins with.
func (s *shelf) found() (records []ridge.Record) {
	for i := range s.records {
		records = append(records, s.records[i].Record)
	}
	return records
}

// forget gives up the records up to a sequence.
func (s *shelf) forget(j *journal.Journal, upTo uint64) {
	for len(s.records) > 0 && s.records[0].seq <= upTo {
		r := &s.records[0]
		j.Forget(uint32(s.process)<<partBits|uint32(r.Ensemble), uint64(r.Instance))
		s.records = s.records[1:]
	}
}
