package partition

import (
	"cmp"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// replies bounds the memory of the values, and texts of errors, that the table
// keeps for whoever asks again. A client's mark lets its entries go soon, but not that of a client which
// sends one command and leaves, nor one that is held back by a guard or by an
// earlier command: then they stay for H, however many and large they are.
//
// Beyond Tuning.MaxReplyBytes the oldest go. Their entries stay, so nothing is
// executed twice; but who asks again for such a reply gets none, and its client
// ends with an unknown outcome after H. Small ones, which are no more than their
// entries, do not count and do not go.
//
// Which ones go is a replica's own affair: the order in which commands finish
// depends on time. No outcome does, nor what replicas compare.
type replies struct {
	most    int
	changes *changes
	// line are replies that count, the oldest first, from head on. Some have gone
	// with their entries; live is how many have not, bytes what these take.
	line        []kept
	head        int
	live, bytes int
	dropped     uint64
}

// kept is a reply's place in the table.
type kept struct {
	rec     *record
	seq     ids.Sequence
	attempt ids.Attempt
}

// minReply is the least reply that counts, in bytes.
const minReply = 256

func (e *entry) counts() bool { return e.bytes() >= minReply }

// bytes are those of the reply.
func (e *entry) bytes() int {
	n := len(e.value)
	if e.other != nil {
		n += len(e.other.ErrorName) + len(e.other.ErrorText)
	}
	return n
}

// entry is the one of a reply that is still there, or nil.
func (k *kept) entry() *entry {
	if i, found := k.rec.find(k.seq); found {
		if e := &k.rec.live()[i]; e.attempt == k.attempt && e.counts() {
			return e
		}
	}
	return nil
}

// keep counts the reply of an entry that has just got it, if it counts, and makes
// room for it.
func (t *table) keep(c ids.Client, e *entry) {
	if e.counts() {
		t.replies.add(t.record(c), e)
		t.replies.bound()
	}
}

// add has a reply that counts be the newest.
func (s *replies) add(rec *record, e *entry) {
	if len(s.line) == cap(s.line) && len(s.line) > 2*s.live {
		rest := slices.DeleteFunc(s.line[s.head:], func(k kept) bool { return k.entry() == nil })
		n := copy(s.line, rest)
		clear(s.line[n:])
		s.line, s.head = s.line[:n], 0
	}
	s.line = append(s.line, kept{rec, e.seq, e.attempt})
	s.live++
	s.bytes += e.bytes()
}

// bound drops the oldest that are too many.
func (s *replies) bound() {
	for s.bytes > s.most && s.head < len(s.line) {
		k := &s.line[s.head]
		if e := k.entry(); e != nil {
			s.gone(e)
			e.value, e.other, e.gone = nil, nil, true
			s.changes.client(k.rec)
			s.dropped++
		}
		*k = kept{}
		s.head++
	}
}

// gone takes note that an entry's reply leaves the table.
func (s *replies) gone(e *entry) {
	if e.counts() {
		s.live--
		s.bytes -= e.bytes()
	}
}

// restored counts the entries of a table that came from a checkpoint, and their
// replies by when their commands were first sent, more or less.
func (t *table) restored(clients []ids.Client) {
	type owned struct {
		rec *record
		*entry
	}
	var all []owned
	for _, c := range clients {
		rec := t.clients[c]
		t.entries += len(rec.live())
		for i := range rec.live() {
			if e := &rec.live()[i]; e.counts() {
				all = append(all, owned{rec, e})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b owned) int { return cmp.Compare(a.expires, b.expires) })
	for _, o := range all {
		t.replies.add(o.rec, o.entry)
	}
	t.replies.bound()
}
