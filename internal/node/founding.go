package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/ridge"
)

// ErrForgotten means that the cluster knows this process with a newer memory than
// its own: it has been replaced, and may not take part any more [R5].
var ErrForgotten = errors.New("the cluster knows this process with another memory")

// founding fixes, once, which incarnation of each process counts [R5].
//
// The process with the lowest id, the founder, collects the incarnations and
// proposes lists of them. A process accepts the newest list that it is in.
// When all have accepted the same list, it is founded, for ever. The
// founder itself starts only when a majority has confirmed that it knows, so a
// founder that forgets finds somebody who refuses it.
//
// Invariant: no two processes ever hold different founded lists: a list is
// founded only with the acceptance of all, and whoever knows a founded list
// accepts no other.
//
// In durable mode an incarnation is that of a directory, and lives on. A list
// is then founded for a process only when its record is durable: nothing that
// follows from it leaves before, and while it is being written neither another
// is accepted nor proposed. A process that restarts with a founded list starts
// when the witnesses of its journal have nothing against it. One that restarts
// before has forgotten acceptances alone: these count only at the founder, and
// for one life of it.
type founding struct {
	self    ids.Process
	inc     ids.Incarnation
	members []ids.Process // ascending
	durable bool

	heard    []ids.Incarnation // by index in members; 0: not heard
	list     []ids.Incarnation // proposed (founder) or accepted; nil: none
	place    []ridge.Members   // by which this process replaced another
	waiting  bool              // refused, with no memory: to replace another
	accepted []bool            // founder: who accepted list
	knows    []bool            // founder: who knows that list is founded
	fixing   []ids.Incarnation // what list will be when its record is durable
	founded  bool              // list is fixed
	started  bool              // this process may order
	waits    bool              // for the witnesses of what its journal had
	next     time.Duration
	sends    []Send
	err      error
	// replaced is what is known of a member's replacement, nil if there was none,
	// and roll all that is known of them; nil in tests.
	replaced func(ids.Process) *ridge.Member
	roll     func() []ridge.Members
}

// foundingInterval is between two words of a process that waits for the founding,
// waitingInterval of one that waits to replace another.
const (
	foundingInterval = 50 * time.Millisecond
	waitingInterval  = 500 * time.Millisecond
)

func newFounding(self ids.Process, inc ids.Incarnation, members []ids.Process) *founding {
	n := len(members)
	return &founding{
		self: self, inc: inc, members: members,
		heard: make([]ids.Incarnation, n), accepted: make([]bool, n), knows: make([]bool, n),
	}
}

func (f *founding) founder() bool { return f.members[0] == f.self }

func (f *founding) index(p ids.Process) int {
	i, ok := slices.BinarySearch(f.members, p)
	if !ok {
		return -1
	}
	return i
}

// counts says whether messages of this incarnation of p may be heard.
func (f *founding) counts(p ids.Process, inc ids.Incarnation) bool {
	i := f.index(p)
	return i >= 0 && f.founded && f.current(i) == inc
}

// life names a list. Invariant: lists of two lives of the founder differ, since
// its own incarnation is in them, so no acceptance counts for another life's.
func life(list []ids.Incarnation) uint64 {
	var b []byte
	for _, inc := range list {
		b = wire.AppendUint64(b, uint64(inc))
	}
	return xxhash.Sum64(b)
}

// missing are the processes not heard yet (at the founder), or the founder.
func (f *founding) missing() []ids.Process {
	var out []ids.Process
	for i, p := range f.members {
		if f.founder() && f.heard[i] == 0 || !f.founder() && i == 0 && !f.founded {
			out = append(out, p)
		}
	}
	return out
}

func (f *founding) tick(now hlc.Now) {
	if f.started || now.Mono < f.next {
		return
	}
	f.next = now.Mono + foundingInterval
	if f.waiting {
		f.next = now.Mono + waitingInterval
		f.broadcast(&Roll{})
		return
	}
	f.heard[f.index(f.self)] = f.inc
	switch {
	case !f.founder():
		f.broadcast(&Roll{})
	case f.founded:
		f.broadcast(&Founded{List: f.list})
	case f.list != nil:
		f.broadcast(&List{List: f.list})
	default:
		f.broadcast(&Roll{})
	}
	f.advance()
}

// advance is the founder's: propose when all are heard, found when all have
// accepted, start when all know.
func (f *founding) advance() {
	if !f.founder() {
		return
	}
	me := f.index(f.self)
	f.heard[me] = f.inc
	if f.fixing != nil {
		return
	}
	if !f.founded && !slices.Contains(f.heard, 0) && !slices.Equal(f.heard, f.list) {
		f.list = slices.Clone(f.heard)
		clear(f.accepted)
		f.broadcast(&List{List: f.list})
	}
	if f.list == nil {
		return
	}
	f.accepted[me] = true
	if !f.founded && !slices.Contains(f.accepted, false) {
		f.fix(f.list)
	}
	f.knows[me] = f.founded
	f.started = f.started || f.founded && !f.waits && f.known() > len(f.members)/2
}

// fix makes a list the founded one, in durable mode as soon as that is on disk.
func (f *founding) fix(list []ids.Incarnation) {
	f.fixing = list
	if !f.durable {
		f.firm()
	}
}

// firm is told that the record of the list being fixed is durable.
func (f *founding) firm() {
	f.list, f.founded, f.fixing, f.waiting = f.fixing, true, nil, false
	if f.place != nil {
		f.started = true
		return
	}
	if f.founder() {
		f.broadcast(&Founded{List: f.list})
		f.advance()
		return
	}
	f.started = true
	f.send(f.members[0], &Known{})
}

// resume starts a process whose founded list was found on its disk.
func (f *founding) resume(list []ids.Incarnation) {
	f.list, f.founded = list, true
}

// witnessed starts a process that was resumed: nobody has heard of more than
// its directory has.
func (f *founding) witnessed() { f.waits, f.started = false, true }

// known counts who knows the founded list, this process included.
func (f *founding) known() int {
	n := 0
	for _, k := range f.knows {
		if k {
			n++
		}
	}
	return n
}

func (f *founding) step(from ids.Process, inc ids.Incarnation, m wire.Message) {
	i := f.index(from)
	if i < 0 || inc == 0 || from == f.self {
		return
	}
	if f.waiting { // it founds nothing any more
		if m, ok := m.(*Replaced); ok {
			f.stepReplaced(m)
		}
		return
	}
	if _, refusal := m.(*Refused); !refusal && f.founded && f.current(i) != inc {
		f.refuse(from, inc)
		return
	}
	switch m := m.(type) {
	case *Roll:
		if f.founded {
			f.greet(i)
		} else {
			f.heard[i] = inc
		}
	case *List:
		f.stepList(from, m)
	case *Accept:
		if f.founder() && !f.founded && f.list != nil && m.Life == life(f.list) && f.list[i] == inc {
			f.accepted[i] = true
		}
	case *Founded:
		f.stepFounded(i, m)
	case *Known:
		if f.founder() && f.founded {
			f.knows[i] = true
		}
	case *Refused:
		f.stepRefused(m)
	case *Replaced:
		f.stepReplaced(m)
	}
	f.advance()
}

func (f *founding) stepList(from ids.Process, m *List) {
	if from != f.members[0] || len(m.List) != len(f.members) {
		return
	}
	switch {
	case f.founded: // the founder asks again: it is listed, or step refused it
		f.send(from, &Founded{List: f.list})
		return
	case f.fixing != nil:
		return
	}
	if m.List[f.index(f.self)] != f.inc {
		f.send(from, &Roll{}) // it has an older life of ours
		return
	}
	f.list = m.List
	f.send(from, &Accept{Life: life(f.list)})
}

func (f *founding) stepFounded(from int, m *Founded) {
	if len(m.List) != len(f.members) {
		return
	}
	switch {
	case f.fixing != nil:
		return // it comes again
	case f.founded:
	case m.List[f.index(f.self)] != f.inc:
		f.forgotten()
		return
	default:
		f.fix(m.List)
		return
	}
	if f.founder() {
		if slices.Equal(m.List, f.list) {
			f.knows[from] = true
		}
	} else if from == 0 {
		f.send(f.members[0], &Known{})
	}
}

// forgotten: the cluster is founded, with another memory of this process.
func (f *founding) forgotten() {
	if !f.waiting {
		f.waiting, f.next = true, 0
	}
}

func (f *founding) refuse(p ids.Process, inc ids.Incarnation) {
	f.send(p, &Refused{Incarnation: inc, Generation: f.generation(f.index(p))})
}

func (f *founding) send(p ids.Process, m wire.Message) {
	f.sends = append(f.sends, Send{To: ids.To(p), Msg: m})
}

func (f *founding) broadcast(m wire.Message) {
	for _, p := range f.members {
		if p != f.self {
			f.send(p, m)
		}
	}
}

func (f *founding) describe() string {
	switch {
	case f.started:
		return Ready
	case f.waiting && f.fixing == nil:
		return fmt.Sprintf(Waiting+" as the replacement of process %d: eyrie replace --process %d", f.self, f.self)
	case f.fixing != nil:
		return "writing the list of processes"
	case f.waits:
		return "waiting for other replicas to say that its directory is not an old one"
	case f.founded:
		return "founded, waiting for the others to know"
	case len(f.missing()) > 0:
		return fmt.Sprintf("waiting for processes %v to start", f.missing())
	}
	return "waiting for all to accept the list of processes"
}
