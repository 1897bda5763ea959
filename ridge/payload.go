package ridge

import "github.com/eyrie-dev/eyrie/internal/wire"

// without is v without the payloads of the entries for which leave says so. It
// has the same id: what is decided is the list [R7]. One whose id is of its bytes
// stays as it is.
func (v *Value) without(leave func(i int) bool) *Value {
	if v.ID.ofBytes() {
		return v
	}
	v = v.whole()
	out := *v
	for i := range v.Entries {
		if v.Entries[i].Message == nil || !leave(i) {
			continue
		}
		if out.absent == v.absent { // the first
			out.Entries = append([]Entry(nil), v.Entries...)
			out.common = nil
			out.names = make([]name, len(v.Entries))
			copy(out.names, v.names)
			out.raw, out.cuts = nil, nil
		}
		m := v.Entries[i].Message
		out.absent++
		out.names[i] = name{idOf(m), m.Dests}
		out.Entries[i].Message = nil
		out.weight += nameWeight(m.Dests) - m.size() - entryOverhead
	}
	if out.absent == v.absent {
		return v
	}
	out.weight = max(out.weight, valueOverhead)
	return &out
}

// fill is v with the payloads that find finds. Timestamps, names and
// destinations stay those of the list: find is given them, and what it returns
// for an entry that it does not know to be the very message named there, by
// name, destinations and digest, is a mistake [R7].
func (v *Value) fill(find func(n *name, digest uint64) *Message) *Value {
	if v.absent == 0 {
		return v
	}
	out := *v
	for i := range v.Entries {
		if v.Entries[i].Message != nil {
			continue
		}
		n := &v.names[i]
		m := find(n, v.Entries[i].Digest)
		if m == nil {
			continue
		}
		if out.absent == v.absent { // the first
			out.Entries = append([]Entry(nil), v.Entries...)
		}
		out.absent--
		out.Entries[i].Message = m
		out.weight += m.size() + entryOverhead - nameWeight(n.dests)
	}
	if out.absent == v.absent {
		return v
	}
	if out.absent == 0 {
		out.names = nil
	}
	return &out
}

// with is v with the payloads that w has: w has the same id, so the same list.
func (v *Value) with(w *Value) *Value {
	if w = w.whole(); len(w.Entries) != len(v.Entries) {
		return v
	}
	i := -1
	return v.fill(func(n *name, digest uint64) *Message {
		for i++; v.Entries[i].Message != nil; i++ {
		}
		if m := w.Entries[i].Message; m != nil && n.is(m, w.Entries[i].Digest, digest) {
			return m
		}
		return nil
	})
}

// is says whether m, whose digest that is, is the message that n names.
func (n *name) is(m *Message, digest, want uint64) bool {
	return digest == want && idOf(m) == n.copy && m.Dests.Equal(n.dests)
}

// bare is v without its entries, which whole reads from the bytes again; v
// itself if these are not at hand in one piece.
func (v *Value) bare() *Value {
	if v.raw == nil || v.cuts != nil || v.absent > 0 || len(v.Entries) == 0 {
		return v
	}
	return &Value{
		ID: v.ID, Proposed: v.Proposed, Null: v.Null, top: v.top, count: v.count, reach: v.reach, common: v.common,
		raw: v.raw, weight: v.weight, stripped: true,
	}
}

// whole is v with its entries.
func (v *Value) whole() *Value {
	if v == nil || !v.stripped {
		return v
	}
	out := &Value{ID: v.ID, raw: v.raw}
	r := wire.NewReader(v.raw)
	out.readFull(&r)
	return out
}
