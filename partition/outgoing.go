package partition

import (
	"strings"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// outgoing is what this partition has to say about one command to its other
// destinations. Every replica keeps it, whether it is the one that sends or
// not, until they need it no more: first with the command, then in the outbox.
//
// Invariant: it only grows, and what is in it is never changed; so messages
// share its slices.
type outgoing struct {
	Tag
	dests  ids.Set
	signal bool
	// vars are whole values, also where only their names are told: others ask
	// for them later [E8].
	vars    []Var
	told    []told // of the first of vars
	parts   []Part
	shipped map[Key]struct{} // index of vars, if they are many
	bytes   int
	// What has been flushed.
	sentSignal          bool
	sentVars, sentParts int
	pendingFlush        bool
	// early are the declared reads not yet shipped; nil from the start on.
	early []earlyRead
	// askers pulled before the command was finished; they get what comes.
	askers []ids.Process
	// finished here: nothing will be added. dropped: nobody needs it.
	finished bool
	dropped  bool
	kept     bool // a checkpoint has it
	// digest of the write set, if digested (Config.Checks).
	digest   uint64
	digested bool
}

// earlyRead is a declared read of a variable or range held here. Invariant:
// blockers is zero iff every earlier command that may write it has finished;
// from then on its value is the one before this command.
type earlyRead struct {
	item     int32
	blockers int
}

func (o *outgoing) at() ids.Position { return o.Position }
func (o *outgoing) gone() bool       { return o.dropped }

// full says whether early values have used up their share: the rest goes when
// the code gets there.
func (o *outgoing) full(r *Replica) bool { return o.bytes > r.tuning.MaxBytes }

// shipVar adds the value of k, which is that of found, once per command.
func (r *Replica) shipVar(o *outgoing, k Key, found *variable) {
	if o.hasVar(r.service, k) {
		return
	}
	v := Var{Key: k}
	if found == nil {
		v.Key.Name = strings.Clone(k.Name) // which may be a part of many names
	} else {
		v.OK, v.Value = true, found.value
		if r.audience.on {
			o.tell(r.howToTell(o, k, found))
		}
	}
	o.vars = append(o.vars, v)
	o.bytes += v.bytes()
	switch n := len(o.vars); {
	case o.shipped != nil:
		o.shipped[v.Key] = struct{}{}
	case n > smallAccess:
		o.shipped = make(map[Key]struct{}, 4*n)
		for i := range o.vars {
			o.shipped[o.vars[i].Key] = struct{}{}
		}
	}
}

// hasVar says whether the others can find k's value in what was shipped.
func (o *outgoing) hasVar(s *Service, k Key) bool {
	if _, _, ok := findInParts(s, o.parts, k); ok {
		return true
	}
	if o.shipped != nil {
		_, ok := o.shipped[k]
		return ok
	}
	for i := range o.vars {
		if o.vars[i].Key == k {
			return true
		}
	}
	return false
}

// shipPart adds this partition's part of a range, unless it can be found in
// what is there. The receiver looks in the same way, so both sides agree on
// what is missing without a word. A declared range goes in one piece if it is
// not too large; otherwise the code may well break off early, and once much
// has gone only what it reads next goes: a command that begins many ranges
// must not ship more than its receivers have room for.
func (o *outgoing) shipPart(r *Replica, g Range, declared bool) {
	if _, _, ok := findPart(r.service, o.parts, &g); ok {
		return
	}
	items, bytes := r.tuning.PartItems, r.tuning.PartBytes
	switch {
	case declared:
		items, bytes = r.tuning.MaxAccesses, max(1, r.tuning.MaxBytes/4)
	case o.full(r):
		items = 1
	}
	p := r.state.part(&r.service.Collections[g.Collection], g, items, bytes)
	o.parts = append(o.parts, p)
	o.bytes += p.bytes()
}

// plan lists the early reads of a command: declared reads of what this
// partition holds and some destination does not.
func (r *Replica) plan(c *command) {
	for i := range c.items {
		it := &c.items[i]
		if it.Write {
			continue // may be read, or only written: the code will tell
		}
		var owners ids.Set
		if it.Range == nil {
			owners = r.config.Placement.Owners(it.Key)
		} else {
			var everywhere bool
			if owners, everywhere = r.config.Placement.RangeOwners(*it.Range); everywhere {
				continue
			}
		}
		if !owners.Has(r.config.Partition) {
			continue
		}
		if it.Range == nil && !r.ships(owners, c.dests) {
			continue
		}
		c.out.early = append(c.out.early, earlyRead{item: int32(i)})
	}
}

// shipEarly ships one early read; its blockers are finished.
func (r *Replica) shipEarly(c *command, i int) {
	if c.out.full(r) {
		return
	}
	switch it := &c.items[c.out.early[i].item]; {
	case it.Range != nil:
		c.out.shipPart(r, *it.Range, true)
	default:
		r.shipVar(c.out, it.Key, r.state.find(it.Key))
	}
	r.unsent(c.out)
}

// unsent notes that an outgoing has something to flush at the end of the
// step, so that what comes together goes in one message.
func (r *Replica) unsent(o *outgoing) {
	if !o.pendingFlush {
		o.pendingFlush = true
		r.flushing = append(r.flushing, o)
	}
}

// flush sends what the step has added. Each replica sends to those of the other
// destinations that it speaks to, and answers others that have asked.
func (r *Replica) flush() {
	if len(r.flushing) == 0 {
		return
	}
	r.heed()
	for i, o := range r.flushing {
		r.flushing[i] = nil
		o.pendingFlush = false
		signal := o.signal && !o.sentSignal
		if !signal && o.sentVars == len(o.vars) && o.sentParts == len(o.parts) {
			continue
		}
		vars, parts := o.sentVars, o.sentParts
		o.sentSignal, o.sentVars, o.sentParts = o.signal, len(o.vars), len(o.parts)
		var first *Exchange
		if len(r.hearers) > 0 && (vars < len(o.vars) || parts < len(o.parts)) {
			for m := o.since(vars, parts, true); m != nil; {
				var piece *Exchange
				if piece, m = o.cut(m); first == nil {
					first = piece
				}
				r.sendToHearers(o.dests, piece)
			}
		}
		if signal {
			r.signalling.add(o, r.config.Partition, first)
		}
		r.flushToAskers(o, signal, vars, parts)
	}
	r.flushing = r.flushing[:0]
}

// flushToAskers sends what is new to those who have asked and are not spoken to.
func (r *Replica) flushToAskers(o *outgoing, signal bool, vars, parts int) {
	for _, p := range o.askers {
		if r.speaksTo(p) {
			continue
		}
		m := o.since(vars, parts, false)
		for m.Signal = signal; m != nil; {
			var piece *Exchange
			piece, m = o.cut(m)
			r.send(p, piece)
		}
	}
	if o.finished {
		o.askers = nil
	}
}

// heed finds out whom this replica speaks to: at each other partition the replica
// of the same number, and those whose own number is of one that is suspected or
// behind here. So what one batch of commands has to say between two partitions
// goes in one message to each process. Replicas may disagree for a while; then none
// or two speak to one, and pulls make up for it.
func (r *Replica) heed() {
	r.hearers = r.hearers[:0]
	for i := range r.most {
		if r.witness(r.config.Partition, uint64(i)) == r.config.Self {
			r.hearers = append(r.hearers, i)
		}
	}
}

// speaksTo is of the last heed.
func (r *Replica) speaksTo(p ids.Process) bool {
	replicas := r.config.Replicas[r.peers[p]]
	for _, i := range r.hearers {
		if i < len(replicas) && replicas[i] == p {
			return true
		}
	}
	return false
}

func (r *Replica) sendToHearers(dests ids.Set, m wire.Message) {
	for _, q := range dests {
		if q == r.config.Partition {
			continue
		}
		replicas := r.config.Replicas[q]
		for _, i := range r.hearers {
			if i < len(replicas) {
				r.send(replicas[i], m)
			}
		}
	}
}
