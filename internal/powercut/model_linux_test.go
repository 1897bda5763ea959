package powercut

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/store"
	"github.com/eyrie-dev/eyrie/internal/vfs"
)

type name struct {
	ensemble uint32
	instance uint64
}

// model is what the writer's disk must hold, from what the writer has said.
type model struct {
	known   map[name][]appended // that may be there, by rising operations
	acked   uint64              // operations below are there, or what superseded them
	next    uint64
	found   map[name]appended // what the last check found
	opened  bool              // the writer has opened the journal that was checked
	saved   map[uint64]items  // checkpoints that may be there
	newest  uint64            // that was acknowledged
	current uint64            // newest that the writer found or has committed
	counts  counts
}

type counts struct {
	records, acked, checkpoints, unacked, torn, beforeOpen int
}

func newModel() *model {
	return &model{known: map[name][]appended{}, next: 1, acked: 1, saved: map[uint64]items{}, opened: true}
}

// hear takes what a writer said. A line that was cut off was never said.
func (m *model) hear(said string) error {
	end := strings.LastIndexByte(said, '\n') + 1
	for line := range strings.Lines(said[:end]) {
		var a appended
		var n, salt uint64
		var whole bool
		var err error
		switch line[0] {
		case 'o':
			m.settle()
		case 'a':
			if _, err = fmt.Sscanf(line, "a %d %d %d %d %d", &a.op, &a.ensemble, &a.instance, &a.size, &a.trim); err == nil {
				k := name{a.ensemble, a.instance}
				m.known[k] = append(m.known[k], a)
				m.next = a.op + 1
				m.counts.records++
			}
		case 'd':
			_, err = fmt.Sscanf(line, "d %d", &n)
			m.acked = n + 1
			m.counts.acked++
		case 'O':
			_, err = fmt.Sscanf(line, "O %d", &m.current)
		case 'b':
			_, err = fmt.Sscanf(line, "b %d %d %v", &n, &salt, &whole)
			base := m.saved[m.current]
			m.saved[n] = base.with(base.changes(n, salt, whole), whole)
		case 'c':
			_, err = fmt.Sscanf(line, "c %d", &n)
			m.newest, m.current = n, n
			m.counts.checkpoints++
			delete(m.saved, n-2)
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			return fmt.Errorf("the writer said %q: %w", line, err)
		}
	}
	return nil
}

// settle: the writer has gone on from what was found. All of it is durable, and
// nothing else can come back.
func (m *model) settle() {
	if m.found == nil {
		return
	}
	m.known = map[name][]appended{}
	for k, a := range m.found {
		m.known[k] = []appended{a}
		m.acked = max(m.acked, a.op+1)
	}
	m.found = nil
}

// check opens what is in dir, a copy, as a process that starts would.
func (m *model) check(dir string) error {
	return errors.Join(m.checkJournal(dir), m.checkStore(dir+"/checkpoints"))
}

func (m *model) checkJournal(dir string) error {
	fsys, err := vfs.OS(dir)
	if err != nil {
		return err
	}
	found, last := map[name]appended{}, uint64(0)
	j, err := journal.Open(fsys, "journal", journalID, small, func(r journal.Record) error {
		k := name{r.Ensemble, r.Instance}
		if r.Seq <= last {
			return fmt.Errorf("sequence %d after %d", r.Seq, last)
		}
		last = r.Seq
		if len(r.Body) < 16 {
			return fmt.Errorf("%v: a foreign body of %d bytes", k, len(r.Body))
		}
		op := binary.LittleEndian.Uint64(r.Body[8:])
		i := slices.IndexFunc(m.known[k], func(a appended) bool { return a.op == op })
		if i < 0 || !bytes.Equal(m.known[k][i].body(), r.Body) {
			return fmt.Errorf("%v: a body that was never written, of operation %d", k, op)
		}
		if _, twice := found[k]; twice {
			return fmt.Errorf("%v twice", k)
		}
		found[k] = m.known[k][i]
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) && m.acked == 1 {
		m.found = found
		return nil
	}
	if err != nil {
		return err
	}
	if err := j.Close(); err != nil {
		return err
	}
	m.found = found
	return m.compare(found)
}

// compare: what was acknowledged is there, and of the rest a beginning.
func (m *model) compare(found map[name]appended) error {
	upTo := m.acked
	for _, a := range found {
		upTo = max(upTo, a.op+1)
	}
	m.counts.unacked += int(upTo - m.acked)
	m.counts.torn += int(m.next - upTo)
	for k, all := range m.known {
		got, there := found[k]
		for _, a := range all {
			switch {
			case a.op >= upTo || k.instance != 0 && k.instance <= found[name{k.ensemble, 0}].trim:
			case !there:
				return fmt.Errorf("%v, operation %d, is gone; acknowledged below %d, the last that is there is %d", k, a.op, m.acked, upTo-1)
			case got.op < a.op:
				return fmt.Errorf("%v is of operation %d, and was of %d later; acknowledged below %d, the last that is there is %d", k, got.op, a.op, m.acked, upTo-1)
			}
		}
	}
	return nil
}

func (m *model) checkStore(dir string) error {
	s, err := store.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.Damaged != nil {
		return s.Damaged
	}
	kept := s.Newest()
	if len(kept) == 0 {
		if m.newest > 0 {
			return fmt.Errorf("no checkpoint, and %d was acknowledged", m.newest)
		}
		return nil
	}
	if kept[0].Number < m.newest {
		return fmt.Errorf("the newest checkpoint is %d, and %d was acknowledged", kept[0].Number, m.newest)
	}
	for _, c := range kept {
		got, err := load(s, c.Number)
		if err != nil {
			return err
		}
		want, known := m.saved[c.Number]
		if !known || got.sum() != want.sum() || len(got) != len(want) {
			return fmt.Errorf("checkpoint %d has %d items, want %d (known: %v)", c.Number, len(got), len(want), known)
		}
	}
	m.newest = kept[0].Number
	return nil
}
