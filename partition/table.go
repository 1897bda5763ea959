package partition

import (
	"slices"
	"sort"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// table is the exactly-once table. It is changed by judge alone, which runs
// once per delivery in merged order; execution only fills in outcomes [X4].
// So all replicas of a partition have the same table at the same position,
// and all destinations of a message come to the same verdict about it:
//
//   - late and refused depend on the message and its final timestamp alone;
//   - duplicate depends on the attempts accepted before, and a partition that
//     misses one of these is no destination of any copy in question, since an
//     attempt's destinations contain all earlier attempts' [X3].
type table struct {
	tuning     *Tuning
	partitions int
	// clients has a record of each client whose commands came within the horizon, and
	// entries is how many these have. To refuse some here would not do, since other
	// destinations have other tables: coordinators do, while it is crowded.
	clients map[ids.Client]*record
	entries int
	full    bool // see crowded
	// expiry holds every client once, at a time not above its expires.
	expiry agenda[ids.Client]
	// last is the last client's record: clients often come in runs.
	last    *record
	changes *changes
	replies replies
}

// record is what is kept of one client.
type record struct {
	client ids.Client
	// mark: sequences below it are finished or given up, their entries gone.
	// Invariant: it never falls, and moves only with an accepted message whose
	// final timestamp exceeds its guard [X1].
	mark ids.Sequence
	// expires is the largest T0 + H ever accepted. Once merged time passes it,
	// every copy of what was accepted is late, so the record goes [X2].
	expires hlc.Timestamp
	// entries[head:] are live: ascending by seq, none below mark. Those before
	// have been dropped, and their room is used again by and by, so that the
	// mark may rise with every command without moving a client's whole window.
	entries []entry
	head    int
	// epoch of the last change; taken is that of the last checkpoint that has it.
	epoch, taken uint32
}

// entry is an accepted command. It fills a line of a processor's cache.
type entry struct {
	seq     ids.Sequence
	expires hlc.Timestamp // T0 + H: every copy is late afterwards
	// attempt is the highest accepted.
	attempt ids.Attempt
	// outcome is what that attempt ended with; zero while it is under way.
	outcome Outcome
	// again: a copy came while it was under way; every replica of the
	// answering partition replies at its end.
	again bool
	// gone: the outcome is final, and the rest of the reply was dropped; see replies.
	gone bool
	// value is the reply's, if the outcome is OK.
	value []byte
	// version is that of the map by which it was judged.
	version uint64
	// other is the rest of the reply of any other outcome. Most commands end
	// well and are answered elsewhere: what they leave behind must be little.
	other *Reply
}

func newTable(t *Tuning, partitions int, l *changes) *table {
	return &table{tuning: t, partitions: partitions, clients: make(map[ids.Client]*record), changes: l, replies: replies{most: t.MaxReplyBytes, changes: l}}
}

// judge gives the verdict about a delivery, and for accepted and duplicate
// ones the entry, if there still is one. The entry is valid until the next
// call. Acceptance enters the attempt into the table.
func (t *table) judge(d *Delivery) (Verdict, *entry) {
	t.forget(d.Position.T)
	switch {
	case t.malformed(d):
		return VerdictRefused, nil
	case d.Position.T > d.T0.Add(t.tuning.Horizon):
		return VerdictLate, t.lookup(d.Command)
	case d.T0 > d.Position.T.Add(t.tuning.Window):
		return VerdictRefused, nil
	case d.Command.Sequence-d.Mark > ids.Sequence(t.tuning.ClientWindow):
		return VerdictRefused, nil
	}
	rec := t.record(d.Command.Client)
	if rec == nil {
		rec = &record{client: d.Command.Client, expires: d.T0.Add(t.tuning.Horizon)}
		t.clients[rec.client] = rec
		t.expiry.push(int64(rec.expires), rec.client)
		t.last = rec
	}
	if d.Command.Sequence < rec.mark {
		return VerdictDuplicate, nil
	}
	i, found := rec.find(d.Command.Sequence)
	if found && d.Attempt <= rec.live()[i].attempt {
		return VerdictDuplicate, &rec.live()[i]
	}
	return VerdictAccepted, t.accept(rec, d, i, found)
}

// malformed: fields that no correct client writes. It looks at the message
// alone, so that all destinations judge alike.
func (t *table) malformed(d *Delivery) bool {
	return d.Command.Client.IsZero() || d.Attempt == 0 ||
		d.Mark == 0 || d.Command.Sequence < d.Mark ||
		len(d.Dests) == 0 || !d.Dests.Valid() || int(d.Dests[len(d.Dests)-1]) >= t.partitions
}

func (t *table) accept(rec *record, d *Delivery, i int, found bool) *entry {
	t.changes.client(rec)
	expires := d.T0.Add(t.tuning.Horizon)
	rec.expires = max(rec.expires, expires)
	if d.Mark > rec.mark && d.Position.T > d.Guard {
		rec.mark = d.Mark
		n := rec.drop(d.Mark, &t.replies)
		i -= n
		t.entries -= n
	}
	e := entry{seq: d.Command.Sequence, attempt: d.Attempt, expires: expires}
	if found {
		t.replies.gone(&rec.live()[i])
		rec.live()[i] = e
		return &rec.live()[i]
	}
	if n := 2 * t.tuning.ClientWindow; len(rec.live()) >= n && len(rec.live())%n == 0 {
		t.entries -= rec.shrink(d.Position.T, &t.replies)
		i, _ = rec.find(e.seq)
	}
	t.entries++
	rec.compact()
	if i == len(rec.live()) {
		rec.entries = append(rec.entries, e)
	} else {
		rec.entries = slices.Insert(rec.entries, rec.head+i, e)
	}
	return &rec.live()[i]
}

func (rec *record) live() []entry { return rec.entries[rec.head:] }

// drop drops the entries below a mark.
func (rec *record) drop(mark ids.Sequence, s *replies) (n int) {
	live := rec.live()
	for n < len(live) && live[n].seq < mark {
		s.gone(&live[n])
		live[n] = entry{}
		n++
	}
	rec.head += n
	return n
}

// compact makes room without allocation where half of a full slice is dead:
// a constant cost per entry.
func (rec *record) compact() {
	if len(rec.entries) == cap(rec.entries) && 2*rec.head >= len(rec.entries) {
		n := copy(rec.entries, rec.live())
		clear(rec.entries[n:])
		rec.entries, rec.head = rec.entries[:n], 0
	}
}

// shrink bounds the record of a client whose marks do not take effect: every
// copy of an entry past its own T0 + H is late, so nobody will miss it.
func (rec *record) shrink(merged hlc.Timestamp, s *replies) (n int) {
	n = len(rec.live())
	kept := slices.DeleteFunc(rec.live(), func(e entry) bool {
		if merged > e.expires {
			s.gone(&e)
		}
		return merged > e.expires
	})
	rec.entries = rec.entries[:rec.head+len(kept)]
	return n - len(kept)
}

// find searches from the end, where a client's commands come in, in steps that double,
// and then within the last of these: old entries may have many after them.
func (rec *record) find(seq ids.Sequence) (i int, found bool) {
	live := rec.live()
	end, step := len(live), 1 // none is below seq from end on
	for step <= end && live[end-step].seq >= seq {
		end -= step
		step *= 2
	}
	begin := max(end-step+1, 0) // and all before begin are
	i = begin + sort.Search(end-begin, func(j int) bool { return live[begin+j].seq >= seq })
	return i, i < len(live) && live[i].seq == seq
}

func (t *table) record(c ids.Client) *record {
	if t.last != nil && t.last.client == c {
		return t.last
	}
	rec := t.clients[c]
	if rec != nil {
		t.last = rec
	}
	return rec
}

func (t *table) lookup(c ids.Command) *entry {
	rec := t.record(c.Client)
	if rec == nil {
		return nil
	}
	if i, found := rec.find(c.Sequence); found {
		return &rec.live()[i]
	}
	return nil
}

// forget drops the records that merged time has passed.
func (t *table) forget(merged hlc.Timestamp) {
	for {
		at, ok := t.expiry.next()
		if !ok || at >= int64(merged) {
			return
		}
		rec := t.clients[t.expiry.pop()]
		if rec.expires >= merged {
			t.expiry.push(int64(rec.expires), rec.client)
			continue
		}
		delete(t.clients, rec.client)
		t.changes.client(rec)
		for i := range rec.live() {
			t.replies.gone(&rec.live()[i])
		}
		t.entries -= len(rec.live())
		rec.entries, rec.head = nil, 0 // replies may know the record yet
		if t.last == rec {
			t.last = nil
		}
	}
}

// crowded says whether the table remembers as much as it may; and then until it is a
// sixteenth less, since others hear of it.
func (t *table) crowded() bool {
	n, most := len(t.clients)+t.entries, t.tuning.MaxRemembered
	t.full = n >= most || t.full && n > most-most/16
	return t.full
}

// lapsed says whether it forgets something when the next command comes, the timestamp
// of which may be W before the present. It looks at clients who have come again.
func (t *table) lapsed(present hlc.Timestamp) bool {
	for {
		at, ok := t.expiry.next()
		if !ok || at >= int64(present.Add(-t.tuning.Window)) {
			return false
		}
		rec := t.clients[t.expiry.pop()]
		t.expiry.push(int64(rec.expires), rec.client)
		if at == int64(rec.expires) {
			return true
		}
	}
}
