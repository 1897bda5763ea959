package optimistic

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// forecast adds to what a run tells the other destinations, in full mode, what
// it probably reads here. One replica speaks for its partition.
func (m *Machine) forecast(e *entry) {
	if len(e.run.Dests()) > 1 && m.cfg.Mode == Full && e.leads {
		m.r.Forecast(e.run)
	}
}

// tell sends what the others have not been told. Nothing is asked for again: a
// run that waits in vain is caught up by its turn.
func (m *Machine) tell(e *entry) {
	if len(e.run.Dests()) <= 1 {
		return
	}
	vars := e.run.Told()
	if m.cfg.Mode != Full {
		vars = nil
	}
	if e.told && len(vars) == 0 || !e.leads {
		return
	}
	x := &Exchange{}
	x.Command, x.Attempt, x.Signal, x.Vars = e.command, e.attempt, !e.told, vars
	e.told = true
	m.counters.Exchanges++
	for _, q := range e.run.Dests() {
		if q != m.r.Partition() {
			m.r.Tell(q, m.heralds.of(q), x)
		}
	}
}

// heralds are the replicas that speak for other partitions about runs, by
// partition. Only they make use of what is told: the others execute at the turn.
// It is a guess, by who spoke last, and holds for so many messages: who speaks
// for a partition now may not have heard from here, and then says nothing here.
type heralds []struct {
	process ids.Process
	left    int
}

const heraldHolds = 64

// spoke notes who spoke for a partition.
func (h *heralds) spoke(q ids.Partition, p ids.Process) {
	for int(q) >= len(*h) {
		*h = append(*h, heralds{{}}...)
	}
	(*h)[q].process, (*h)[q].left = p, heraldHolds
}

// of is the one to be told, zero for all.
func (h heralds) of(q ids.Partition) ids.Process {
	if int(q) >= len(h) || h[q].left == 0 {
		return 0
	}
	h[q].left--
	return h[q].process
}

// Heard implements partition.Speculator: conservative values serve as well, and
// are right.
func (m *Machine) Heard(q ids.Partition, x *partition.Exchange) { m.hear(q, x) }

// hear takes what another destination says about a command.
func (m *Machine) hear(q ids.Partition, x *partition.Exchange) {
	e := m.table.find(x.Command, x.Attempt)
	if e == nil {
		if m.runs && !m.r.Known(x.Command, x.Attempt) {
			m.counters.EarlyDrops += m.early.keep(q, x, &m.cfg.Tuning)
		}
		return
	}
	m.inform(e, q, x)
}

func (m *Machine) inform(e *entry, q ids.Partition, x *partition.Exchange) {
	if !m.r.Inform(e.run, q, x) {
		return
	}
	m.weigh(e)
	if e.run.Started() && !e.run.Ended() {
		m.ready = append(m.ready, e)
	}
	m.reply(e)
}

// claim gives an entry what was said before it came.
func (m *Machine) claim(e *entry) {
	if len(e.run.Dests()) > 1 {
		for _, x := range m.early.take(e.command, e.attempt) {
			m.inform(e, x.from, x.m)
		}
	}
}

// early keeps what is said about commands that have not come. What does not fit
// makes the oldest leave.
type early struct {
	of     map[attempt]*said
	oldest []*said // in the order of their first; from head on
	head   int
	count  int
	bytes  int
}

type attempt struct {
	command ids.Command
	attempt ids.Attempt
}

// said is about one command.
type said struct {
	about attempt
	what  []saying // nil: taken
	bytes int
}

type saying struct {
	from ids.Partition
	m    *partition.Exchange
}

func (y *early) init() { y.of = make(map[attempt]*said) }

// keep returns how many messages had to leave.
func (y *early) keep(q ids.Partition, x *partition.Exchange, t *Tuning) (dropped uint64) {
	key := attempt{x.Command, x.Attempt}
	s := y.of[key]
	if s == nil {
		s = &said{about: key}
		y.of[key] = s
		if len(y.oldest) >= 64+2*len(y.of) { // mostly taken, or gone
			kept := slices.DeleteFunc(y.oldest[y.head:], func(s *said) bool { return s.what == nil })
			n := copy(y.oldest, kept)
			clear(y.oldest[n:])
			y.oldest, y.head = y.oldest[:n], 0
		}
		y.oldest = append(y.oldest, s)
	}
	n := x.Size()
	s.what = append(s.what, saying{q, x})
	s.bytes += n
	y.count++
	y.bytes += n
	for y.head < len(y.oldest) && (y.count > t.MaxEarly || y.bytes > t.MaxEarlyBytes) {
		old := y.oldest[y.head]
		y.oldest[y.head] = nil
		y.head++
		if old.what != nil {
			dropped += uint64(len(old.what))
			y.take(old.about.command, old.about.attempt)
		}
	}
	return dropped
}

// take returns and forgets what was said about an attempt.
func (y *early) take(c ids.Command, a ids.Attempt) []saying {
	if len(y.of) == 0 {
		return nil
	}
	key := attempt{c, a}
	s := y.of[key]
	if s == nil {
		return nil
	}
	delete(y.of, key)
	what := s.what
	s.what = nil
	y.count -= len(what)
	y.bytes -= s.bytes
	for y.head < len(y.oldest) && y.oldest[y.head].what == nil {
		y.oldest[y.head] = nil
		y.head++
	}
	return what
}

func (y *early) forget(c ids.Command, a ids.Attempt) { y.take(c, a) }
