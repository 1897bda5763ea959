package store

import (
	"strings"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// pacer makes Badger's compactions rest. It is the database's logger: Badger
// tells it of each table that a compaction has merged, in the goroutine that has,
// and there is no setting for their pace. With a million variables they write 80
// MiB at a time, in five goroutines and more beside each other: without rests
// they had both processors of a small machine, and its disk, until they were
// done.
//
// Rests are one after another, whoever rests: tables are made not faster than
// one in a rest.
type pacer struct {
	turn sync.Mutex
	stop chan struct{} // closed when the database is to be closed

	mu    sync.Mutex
	db    *badger.DB // nil: not open
	rests int
}

func newPacer() *pacer { return &pacer{stop: make(chan struct{})} }

const (
	// restShare: a compaction rests so many times as long as a table took, at
	// least minRest, since Badger tells that in milliseconds, and at most maxRest.
	restShare        = 2
	minRest, maxRest = 5 * time.Millisecond, 50 * time.Millisecond
	// hurryTables: with so many tables above the base level compactions do not
	// rest. With stallTables the writer of checkpoints waits for them.
	hurryTables, stallTables = 9, 10
)

// mergedTable is how the line begins that tells of a table.
const mergedTable = "[%d] LOG Compact. Added"

// Debugf implements badger.Logger.
func (p *pacer) Debugf(format string, args ...any) {
	if !strings.HasPrefix(format, mergedTable) || len(args) == 0 {
		return
	}
	took, _ := args[len(args)-1].(time.Duration)
	p.rest(min(max(restShare*took, minRest), maxRest))
}

// Infof implements badger.Logger.
func (p *pacer) Infof(string, ...any) {}

// Warningf implements badger.Logger.
func (p *pacer) Warningf(string, ...any) {}

// Errorf implements badger.Logger.
func (p *pacer) Errorf(string, ...any) {}

func (p *pacer) rest(d time.Duration) {
	p.turn.Lock()
	defer p.turn.Unlock()
	if p.hurried() {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.stop:
	}
}

func (p *pacer) hurried() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.db != nil {
		if levels := p.db.Levels(); len(levels) > 0 && levels[0].NumTables >= hurryTables {
			return true
		}
	}
	p.rests++
	return false
}

func (p *pacer) opened(db *badger.DB) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.db = db
}

// close lets compactions end as soon as they can: who closes the database waits
// for them.
func (p *pacer) close() {
	p.opened(nil)
	close(p.stop)
}
