package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
)

// Badger is a Store on disk. It has a directory with a Badger database in it,
// and for a while two: a whole checkpoint goes into a new one, which replaces
// the old one when it is durable.
type Badger struct {
	dir string
	// Reserve is the room, in bytes, that writing leaves on the disk: what
	// Badger's mapped files and compactions may need at once, or they would
	// kill the process. Damaged says what was wrong with the contents when
	// they were opened. Both are not to be changed later.
	Reserve uint64
	Damaged error

	mu      sync.Mutex
	current *database // nil: nothing kept
	next    int       // name of the next database
	writing bool
	// users are calls under way that need the database open; idle is signalled
	// when there are none.
	users int
	idle  sync.Cond
}

var _ Store = (*Badger)(nil)

// defaultReserve is Reserve of Open: three mapped write-ahead logs of twice a
// memory table, and the output of a compaction of ten such tables with the level below.
const defaultReserve = 160 << 20

var databaseName = regexp.MustCompile(`^[0-9]{6}$`)

const damagedSuffix, goneSuffix = ".damaged", ".gone"

// Open opens or creates the store in a directory that nobody else uses. A
// database whose contents are damaged is set aside, under another name, and
// Damaged explains. An error means that the disk does not work.
func Open(dir string) (*Badger, error) {
	s := &Badger{dir: dir, Reserve: defaultReserve, next: 1}
	s.idle.L = &s.mu
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if filepath.Ext(path) == goneSuffix {
			if err := removeAll(path); err != nil {
				return nil, fmt.Errorf("store: %w", err)
			}
		}
		if !databaseName.MatchString(e.Name()) {
			continue
		}
		var n int
		fmt.Sscanf(e.Name(), "%d", &n)
		s.next = max(s.next, n+1)
		if err := s.consider(&database{path: path}); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// makeDir creates a directory, durably.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// consider makes d the current database if its checkpoint is the newest, and
// removes what is not.
func (s *Badger) consider(d *database) error {
	if err := d.open(); errors.Is(err, ErrDamaged) {
		s.Damaged = errors.Join(s.Damaged, err)
		return s.setAside(d)
	} else if err != nil {
		return err
	}
	if err := d.close(); err != nil {
		return err
	}
	older := s.current
	if len(d.kept) == 0 || older != nil && older.kept[0].Number > d.kept[0].Number {
		return s.remove(d) // never finished, or replaced
	}
	s.current = d
	return s.remove(older)
}

// remove deletes a closed database. It has lost its name before it loses a file:
// one of which a power cut leaves a part would count as damaged.
func (s *Badger) remove(d *database) error {
	if d == nil {
		return nil
	}
	gone := d.path + goneSuffix
	if err := os.Rename(d.path, gone); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := syncDir(s.dir); err != nil {
		return err
	}
	if err := removeAll(gone); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// removeAll is os.RemoveAll but for a test.
var removeAll = os.RemoveAll

// setAside keeps one damaged database, the last, for whoever wants to know.
func (s *Badger) setAside(d *database) error {
	aside := filepath.Join(s.dir, "last"+damagedSuffix)
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := os.Rename(d.path, aside); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return syncDir(s.dir)
}

// Newest implements Store.
func (s *Badger) Newest() []Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Checkpoint
	if s.current != nil {
		for _, m := range s.current.kept {
			out = append(out, m.Checkpoint)
		}
	}
	return out
}

// use opens the database with a checkpoint for a call that then calls done.
func (s *Badger) use(number uint64) (d *database, m manifest, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d = s.current; d == nil {
		return nil, m, ErrGone
	}
	i := slices.IndexFunc(d.kept, func(m manifest) bool { return m.Number == number })
	if i < 0 {
		return nil, m, ErrGone
	}
	m = d.kept[i]
	if err := s.opened(d); err != nil {
		return nil, m, err
	}
	s.users++
	return d, m, nil
}

// opened opens d if it was closed. The lock is held.
func (s *Badger) opened(d *database) error {
	if d.db != nil {
		return nil
	}
	return d.open()
}

func (s *Badger) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 {
		s.idle.Broadcast()
	}
}

// Rest closes the database, if nobody uses it, until it is needed again: an
// open one has goroutines that look for work, and some ten megabytes. A driver
// calls it when there has been nothing to do for a while.
func (s *Badger) Rest() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || s.writing || s.users > 0 {
		return nil
	}
	return s.current.close()
}

// Close waits for the calls under way, and ends the store's use of its files.
// A Writer must have ended.
func (s *Badger) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.users > 0 {
		s.idle.Wait()
	}
	if s.current == nil {
		return nil
	}
	return s.current.close()
}
