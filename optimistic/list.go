package optimistic

import (
	"encoding/binary"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// entry is a command with a run, from its optimistic delivery until it has ended
// conservatively, or is known not to.
type entry struct {
	command ids.Command
	attempt ids.Attempt
	run     *partition.Run
	order   uint64
	// bytes are those of the run that the machine has counted.
	bytes     int
	delivered hlc.Timestamp
	expires   hlc.Timestamp // every copy of the command is late afterwards
	started   hlc.Timestamp

	// turned: the conservative execution has the run. swapped: it came before
	// another with which it conflicts, and which is before it in the list.
	turned, swapped bool
	// sent: the optimistic reply leaves from here, as of said.
	sent bool
	said time.Duration
	// leads: this replica speaks for its partition about the run.
	leads bool
	// passed counts commands behind this one whose turn came before.
	passed int
	// effects: others may have seen what the run wrote.
	effects bool
	// replied: the client has, or another replica has sent, the optimistic reply of
	// some run of it. Digest is of that, if the run has been done again since.
	replied, digested bool
	digest            uint64
	told              bool // the signal
	leaving           bool

	list    links // of those whose turn has not come, in order
	open    links // of those that have not ended, in order
	isOpen  bool
	behind  *entry // the one that it waits for, or nil
	waiters []*entry
	chain   *entry // of the table
}

type links struct{ prev, next *entry }

// list is entries in order. at finds its links in an entry.
type list struct {
	head, tail *entry
	at         func(*entry) *links
}

// insert puts e where its order wants it, mostly at the end.
func (l *list) insert(e *entry) {
	prev := l.tail
	for prev != nil && prev.order > e.order {
		prev = l.at(prev).prev
	}
	k := l.at(e)
	k.prev = prev
	if prev == nil {
		k.next, l.head = l.head, e
	} else {
		k.next, l.at(prev).next = l.at(prev).next, e
	}
	if k.next == nil {
		l.tail = e
	} else {
		l.at(k.next).prev = e
	}
}

func (l *list) remove(e *entry) {
	k := l.at(e)
	if k.prev == nil {
		l.head = k.next
	} else {
		l.at(k.prev).next = k.next
	}
	if k.next == nil {
		l.tail = k.prev
	} else {
		l.at(k.next).prev = k.prev
	}
	*k = links{}
}

// table finds entries by attempt.
type table struct {
	buckets []*entry
	count   int
}

func (t *table) bucket(c ids.Command, a ids.Attempt) **entry {
	h := binary.LittleEndian.Uint64(c.Client[:8]) ^ binary.LittleEndian.Uint64(c.Client[8:])
	h = (h + uint64(c.Sequence) + uint64(a)<<40) * 0x9e3779b97f4a7c15
	return &t.buckets[h>>32%uint64(len(t.buckets))]
}

func (t *table) find(c ids.Command, a ids.Attempt) *entry {
	if t.count == 0 {
		return nil
	}
	for e := *t.bucket(c, a); e != nil; e = e.chain {
		if e.command == c && e.attempt == a {
			return e
		}
	}
	return nil
}

func (t *table) add(e *entry) {
	b := t.bucket(e.command, e.attempt)
	e.chain, *b = *b, e
	t.count++
}

func (t *table) remove(e *entry) {
	for b := t.bucket(e.command, e.attempt); *b != nil; b = &(*b).chain {
		if *b == e {
			*b, e.chain = e.chain, nil
			t.count--
			return
		}
	}
}
