package host

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
)

// The journal is read through in the background, scrubBytes every scrubTicks
// seconds: what rots while nobody reads it would be found at the next start, too late.
// Where it is damaged it is mended, mendBytes a second.
const (
	scrubTicks = 4
	scrubBytes = 1 << 20
	mendBytes  = 4 << 20
)

// scrub reads some of the journal and, if it is damaged, has what lives there
// written again: the processes know what they have written.
func (l *ledger) scrub(bytes int) {
	if err := l.journal.Scrub(bytes); err != nil {
		l.log.Error("the journal is damaged on the disk; what lives there is written again from memory", "directory", l.dir, "err", err)
	}
	if found, _ := l.journal.Rot(); found > 0 {
		l.mend()
	}
}

// mend tells each process which of its records are damaged; not again before all
// have heard it, and have had written again what they know.
func (l *ledger) mend() {
	l.mu.Lock()
	if l.mending > 0 {
		l.mu.Unlock()
		return
	}
	names := map[uint32][]node.RecordName{}
	for _, name := range l.journal.Mend(mendBytes) {
		high, ensemble := name.Ensemble>>partBits, ids.Ensemble(name.Ensemble&(1<<partBits-1))
		names[high] = append(names[high], node.RecordName{Ensemble: ensemble, Instance: ids.Instance(name.Instance)})
	}
	found, there := l.journal.Rot()
	l.hasten() // states, which the journal has written again
	parts := append([]*part(nil), l.parts...)
	l.mending = len(parts)
	l.mu.Unlock()
	heard := func() {
		l.mu.Lock()
		l.mending--
		l.mu.Unlock()
	}
	for _, p := range parts {
		mine := names[p.high>>partBits]
		if !p.loop.ask(func() { p.core.Mend(mine, node.Rot{Found: found, There: there}); heard() }) {
			heard()
		}
	}
}

// noRoom says why a process takes no commands. err is that of looking for room.
func noRoom(err error) string {
	if err != nil {
		return "the disk does not say how much room it has, so commands are refused: " + err.Error()
	}
	return "the disk is almost full: make room, or commands are refused"
}

// roomEvery is how often a batch that waits for room is tried again.
const roomEvery = 250 * time.Millisecond

// watch tells the cores once a second whether the disk has room, at once when the
// journal has found none, and reads the journal through, until the ledger is closed.
func (l *ledger) watch() {
	const ticks = 2 // a second
	tick := time.NewTicker(time.Second / ticks)
	defer tick.Stop()
	for turn := -1; ; {
		select {
		case <-tick.C:
		case <-l.hurry:
			l.room()
			continue
		case <-l.ended:
			return
		}
		turn++
		l.mu.Lock()
		l.care()
		l.mu.Unlock()
		if turn%ticks > 0 {
			continue
		}
		l.room()
		if _, there := l.journal.Rot(); turn%(ticks*scrubTicks) == 0 || there {
			l.scrub(scrubBytes)
		}
	}
}

// room tells the cores whether the disk has room. It has none, whatever the file
// system says, while the journal has not found enough for its next segment: others
// may have filled the disk between two looks, and what the journal still has is for
// what is under way.
func (l *ledger) room() {
	room, err := l.journal.Room()
	l.mu.Lock()
	cramped := l.waiting || l.journal.Cramped()
	l.mu.Unlock()
	for _, p := range l.all() {
		if full := err != nil || room < 0 || cramped; full != p.full && (full || room > comfort-reserve) {
			p.full = full
			if full {
				p.log.Error(noRoom(err), "directory", l.dir, "bytes_to_free", max(comfort-reserve-room, 0))
			} else {
				p.log.Warn("the disk has room again", "directory", l.dir)
			}
			p.loop.ask(func() { p.core.Full(full) })
		}
	}
}
