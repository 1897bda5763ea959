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

// watch tells the cores once a second whether the disk has room, and reads the
// journal through, until the ledger is closed.
func (l *ledger) watch() {
	const ticks = 2 // a second
	tick := time.NewTicker(time.Second / ticks)
	defer tick.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-tick.C:
		case <-l.ended:
			return
		}
		l.mu.Lock()
		l.care()
		l.mu.Unlock()
		if turn%ticks > 0 {
			continue
		}
		room, err := l.journal.Room()
		for _, p := range l.all() {
			if full := err != nil || room < 0; full != p.full && (full || room > comfort-reserve) {
				p.full = full
				if full {
					p.log.Error(noRoom(err), "directory", l.dir, "bytes_to_free", comfort-reserve-room)
				} else {
					p.log.Warn("the disk has room again", "directory", l.dir)
				}
				p.loop.ask(func() { p.core.Full(full) })
			}
		}
		if _, there := l.journal.Rot(); turn%(ticks*scrubTicks) == 0 || there {
			l.scrub(scrubBytes)
		}
	}
}
