package partition

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// watched is an immutable value that a command's code has seen, and its
// digest then [E2].
type watched struct {
	key    Key
	value  []byte
	digest uint64
}

func (t *transaction) watch(k Key, v []byte) {
	t.watched = append(t.watched, watched{k, v, xxhash.Sum64(v)})
}

func (r *Replica) digestIf(on bool, v []byte) uint64 {
	if !on {
		return 0
	}
	return xxhash.Sum64(v)
}

// verifyWatched stops the replica if the command changed a value in place.
func (r *Replica) verifyWatched(c *command) {
	for _, w := range c.tx.watched {
		if xxhash.Sum64(w.value) != w.digest {
			r.stop("%v (%s) changed in place a value of the immutable collection %q",
				c.Command, c.spec.Name, r.service.Collections[w.key.Collection].Name)
		}
	}
}

// compare digests the write set of a command whose code has ended and
// compares it with those of the other destinations: all ran the same code and
// the same operations on the same values [N1].
func (r *Replica) compare(c *command) {
	if c.out.digested || c.tx.outcome == OutcomeRetry {
		return
	}
	c.out.digest, c.out.digested = r.writeSet(c), true
	r.sendToOthers(c.dests, &Check{c.Tag, c.out.digest})
	for i := range c.in.peers {
		if p := &c.in.peers[i]; p.digested {
			r.agree(c.out, p.partition, p.digest)
		}
	}
}

func (r *Replica) writeSet(c *command) uint64 {
	t := &c.tx
	b := []byte{byte(t.outcome)}
	b = wire.AppendBytes(b, t.value)
	b = wire.AppendString(b, t.errName)
	b = wire.AppendString(b, t.errText)
	order := make([]int, len(t.writes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := t.writes[i].key, t.writes[j].key
		if a.Collection < b.Collection || a.Collection == b.Collection && a.Name < b.Name {
			return -1
		}
		return 1
	})
	if t.outcome != OutcomeOK {
		order = nil
	}
	for _, i := range order {
		p := &t.writes[i]
		b = appendKey(b, p.key)
		if p.blind && !p.known { // what it starts from depends on who ended before
			for _, a := range p.ops {
				b = wire.AppendBytes(wire.AppendUint16(b, a.op), a.arg)
			}
			continue
		}
		var old before
		if p.before != nil {
			old = *p.before
		}
		r.settle(p, old.value, old.ok)
		b = wire.AppendBool(b, p.ok)
		b = wire.AppendBytes(b, p.value)
	}
	return xxhash.Sum64(b)
}

// onCheck takes another destination's digest. One that comes too early is
// lost: the check is an aid, not a protocol.
func (r *Replica) onCheck(q ids.Partition, m *Check) {
	o := r.outbox.line.find(m.Position)
	switch {
	case o == nil:
		r.counters.Ignored++
	case o.Tag != m.Tag || !o.dests.Has(q):
		r.counters.Invalid++
	case o.digested:
		r.agree(o, q, m.Digest)
	default:
		if c := r.queue.find(m.Position); c != nil {
			p := c.in.peer(q)
			p.digest, p.digested = m.Digest, true
		}
	}
}

// verifyCommutes applies what a command is about to do to a variable blindly, and
// what others that it does not wait for are yet to do, in both orders: a service
// whose operation does not commute, though it says so, makes replicas diverge.
func (r *Replica) verifyCommutes(c *command, p *pending, v *variable) {
	u := r.index.of(p.key, v)
	if u == nil || u.mode == ModeWrite || u.mode == ModeRead {
		return
	}
	var value []byte
	if v != nil {
		value = v.value
	}
	for _, o := range u.now {
		if o == c || !o.tx.over || o.tx.outcome != OutcomeOK {
			continue
		}
		if q := o.tx.writeOf(p.key); q != nil && q.blind && !q.known {
			a, aOK := r.applyAll(p.key, value, v != nil, p.ops, q.ops)
			b, bOK := r.applyAll(p.key, value, v != nil, q.ops, p.ops)
			if !sameValue(a, aOK, b, bOK) {
				r.stop("operation %q does not commute: %v and %v leave another value of %q of collection %q in another order",
					r.service.Operations[p.ops[0].op].Name, c.Command, o.Command, p.key.Name, r.service.Collections[p.key.Collection].Name)
				return
			}
		}
	}
}

func (r *Replica) applyAll(k Key, value []byte, ok bool, lists ...[]applied) ([]byte, bool) {
	panics := r.counters.OpPanics
	for _, ops := range lists {
		p := pending{key: k, known: true, ok: ok, value: value, ops: ops}
		r.settle(&p, nil, false)
		value, ok = p.value, p.ok
	}
	r.counters.OpPanics = panics
	return value, ok
}

func (r *Replica) agree(o *outgoing, q ids.Partition, digest uint64) {
	if o.digest != digest {
		r.stop("%v attempt %d at %v ended differently here and at partition %d", o.Command, o.Attempt, o.Position, q)
	}
}
