package partition

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Run is the execution of a command before its turn. The code is deterministic,
// so the run is right if every input that it took equals what the conservative
// execution would be given: the values it read here and from elsewhere, and the
// final timestamp, if it asked for that. A stored value is never changed in
// place, so mostly it is the very same one.
//
// A Run is its maker's until its turn comes, or it is abandoned.
type Run struct {
	// Mate is for the Speculator's own use.
	Mate any

	c       *command
	order   uint64
	now     hlc.Timestamp // what Tx.Now returns
	t0      hlc.Timestamp
	asked   bool // for it
	body    []byte
	version uint64

	local  []int32 // Local, if asked for
	inputs []input
	scans  []scanned
	layers []layer
	// in is what others said of it.
	in incoming
	// told are values that other destinations lack, for them; the first so many
	// have been taken, and are in messages.
	told   []Var
	taking int
	bytes  int

	answer           bool // its client asked for an optimistic reply
	started, layered bool
	// taken: its command's turn has come.
	taken bool
	// unusable: its code was left where conservative execution would have gone on.
	unusable bool
	verdict  verdictOnRun
	verified int // inputs
	panicked string
}

type inputKind uint8

const (
	inputLocal inputKind = iota
	inputRemote
	inputScan
)

// input is something that a run took from outside.
type input struct {
	kind inputKind
	ok   bool
	from ids.Partition // inputRemote
	scan uint32        // inputScan: the place in scans
	key  Key
	// v is the variable, if there was one. It may be dead.
	v     *variable
	value []byte
}

// scanned is what a run took of a range: the first items, all if ended.
type scanned struct {
	rng   Range
	items []PartItem
	ended bool
}

func (run *Run) note(in input) {
	run.inputs = append(run.inputs, in)
	run.bytes += inputCost + len(in.value)
}

// inputCost is what an input counts for besides its bytes.
const inputCost = 80

func (run *Run) noteScan(g Range) (place int) {
	place = len(run.scans)
	if place < cap(run.scans) {
		run.scans = run.scans[:place+1]
	} else {
		run.scans = append(run.scans, scanned{})
	}
	s := &run.scans[place]
	*s = scanned{rng: g, items: s.items[:0]}
	run.note(input{kind: inputScan, scan: uint32(place)})
	return place
}

// take notes that the code depends on the item of that number of a scan, nil if
// there is none.
func (run *Run) take(place, number int, it *PartItem) {
	s := &run.scans[place]
	switch {
	case it == nil:
		s.ended = true
	case number == len(s.items):
		s.items = append(s.items, *it)
		run.bytes += inputCost + len(it.Name) + len(it.Value)
	}
}

// maxTold values of a run are told; what is beyond comes conservatively.
const maxTold = 256

// tell adds a value for the other destinations.
func (run *Run) tell(v Var) {
	if len(run.told) == maxTold || slices.ContainsFunc(run.told, func(old Var) bool { return old.Key == v.Key }) {
		return
	}
	run.told = append(run.told, v)
	run.bytes += v.bytes()
}

// forget makes the run one that has not started.
func (run *Run) forget() {
	clear(run.inputs)
	run.inputs = run.inputs[:0]
	for i := range run.scans {
		clear(run.scans[i].items)
	}
	run.scans = run.scans[:0]
	run.asked, run.started, run.layered, run.unusable = false, false, false, false
	run.panicked, run.bytes = "", 0
}

// foresee reads a variable held here, as the run sees it.
func (t *transaction) foresee(k Key, v *variable) ([]byte, bool) {
	value, ok := t.r.state.look(k, v, t.run.order)
	t.run.note(input{key: k, v: v, value: value, ok: ok})
	return value, ok
}

// useless leaves the code of a run that cannot go on as conservative execution
// would.
func (t *transaction) useless() {
	t.run.unusable = true
	t.end(OutcomeFailed)
	panic(unwinding{})
}

// Local lists the items that are held here, at least in part; only they conflict
// here.
func (r *Replica) Local(run *Run) []int32 {
	if items := run.c.items; run.local == nil {
		run.local = make([]int32, 0, len(items))
		for i := range items {
			if len(run.c.dests) == 1 || run.c.held[i] {
				run.local = append(run.local, int32(i))
			}
		}
	}
	return run.local
}

// Conflict says whether it matters which of two items is touched first.
func (r *Replica) Conflict(a, b *Item) bool { return r.service.conflict(a, b) }

// Mode is what an item does to its variables.
func (r *Replica) Mode(it *Item) Mode { return r.service.mode(it) }

func sameValue(a []byte, aOK bool, b []byte, bOK bool) bool {
	return aOK == bOK && sameBytes(a, b)
}

func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || string(a) == string(b))
}

// Inform tells a run what another destination says of its command: that it has
// started it there, and values; the first of each counts. They may be wrong. It
// says whether anything was new.
func (r *Replica) Inform(run *Run, q ids.Partition, m *Exchange) (news bool) {
	signal, vars, parts := m.Signal, m.Vars, m.Parts
	p := run.in.peer(q)
	if p == nil || r.down() {
		return false
	}
	if signal && !p.signalled {
		p.signalled, news = true, true
		run.in.missing--
	}
	if run.taken || run.layered {
		return news
	}
	room := func(bytes int) bool {
		if p.bytes+bytes > r.tuning.MaxBytes+1<<16 {
			return false
		}
		p.bytes += bytes
		run.bytes += bytes
		return true
	}
	for i := range vars {
		v := &vars[i]
		if int(v.Key.Collection) >= len(r.service.Collections) || p.find(v.Key) != nil {
			continue
		}
		if owners := r.config.Placement.Owners(v.Key); owners.Has(q) && !owners.Has(r.config.Partition) && room(v.bytes()) {
			p.add(*v)
			news = true
		}
	}
	for i := range m.Same {
		s := &m.Same[i]
		if j, there := r.cache.byKey[s.Key]; there && p.find(s.Key) == nil {
			if e := r.cache.copies.at(j); e.is(s.Version) && room(copyBytes(e.key.Name, e.value)) {
				p.add(Var{s.Key, true, e.value})
				news = true
			}
		}
	}
	for i := range parts {
		if part := &parts[i]; int(part.Range.Collection) < len(r.service.Collections) && room(part.bytes()) {
			p.parts = append(p.parts, *part)
			news = true
		}
	}
	return news
}
