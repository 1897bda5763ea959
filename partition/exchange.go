package partition

// tell notes how the next of vars is told.
func (o *outgoing) tell(t told) {
	if t.version.isZero() {
		return
	}
	for len(o.told) < len(o.vars) {
		o.told = append(o.told, told{})
	}
	o.told = append(o.told, t)
}

// howTold says how the i-th of vars is told.
func (o *outgoing) howTold(i int) (t told) {
	if i < len(o.told) {
		t = o.told[i]
	}
	return t
}

// since is what there is to say from some of vars and parts on, but for the
// signal. brief: what the others are believed to hold is told by its name.
func (o *outgoing) since(vars, parts int, brief bool) *Exchange {
	if brief && len(o.vars) == vars+1 && o.howTold(vars).same {
		var x struct { // mostly there is one value
			Exchange
			one [1]Same
		}
		t := o.told[vars]
		x.one[0] = Same{o.vars[vars].Key, t.version, t.change}
		x.Tag, x.Same, x.Parts = o.Tag, x.one[:], o.parts[parts:len(o.parts):len(o.parts)]
		return &x.Exchange
	}
	m := &Exchange{
		Tag:   o.Tag,
		Vars:  o.vars[vars:len(o.vars):len(o.vars)],
		Parts: o.parts[parts:len(o.parts):len(o.parts)],
	}
	if len(o.told) <= vars {
		return m
	}
	same := 0
	for i := vars; i < len(o.told) && brief; i++ {
		if o.told[i].same {
			same++
		}
	}
	if n := len(m.Vars) - same; n > 0 {
		m.Names = make([]Version, 0, n)
		if same > 0 {
			m.Vars = make([]Var, 0, n)
		}
	} else {
		m.Vars = nil
	}
	if same > 0 {
		m.Same = make([]Same, 0, same)
	}
	for i := vars; i < len(o.vars); i++ {
		if t := o.howTold(i); brief && t.same {
			m.Same = append(m.Same, Same{o.vars[i].Key, t.version, t.change})
		} else if m.Names = append(m.Names, t.version); same > 0 {
			m.Vars = append(m.Vars, o.vars[i])
		}
	}
	return m
}

// everything is the whole of what there is to say so far.
func (o *outgoing) everything() *Exchange {
	m := o.since(0, 0, false)
	m.Signal = o.signal
	return m
}

// exchangeBytes is what one message may carry; a single larger value or part
// travels alone.
const exchangeBytes = 1 << 20

// cut takes from m what one message may carry; rest is nil if that is all of
// it. A message that is too large for the transport would be lost, and lost
// again with every pull.
func (o *outgoing) cut(m *Exchange) (piece, rest *Exchange) {
	if o.bytes <= exchangeBytes {
		return m, nil
	}
	room := exchangeBytes
	vars := fitting(len(m.Vars), &room, func(i int) int { return m.Vars[i].bytes() })
	same := fitting(len(m.Same), &room, func(i int) int { return m.Same[i].bytes() })
	parts := fitting(len(m.Parts), &room, func(i int) int { return m.Parts[i].bytes() })
	if vars == len(m.Vars) && same == len(m.Same) && parts == len(m.Parts) {
		return m, nil
	}
	piece = &Exchange{Tag: m.Tag, Signal: m.Signal, Vars: m.Vars[:vars:vars], Same: m.Same[:same:same], Parts: m.Parts[:parts:parts]}
	rest = &Exchange{Tag: m.Tag, Vars: m.Vars[vars:], Same: m.Same[same:], Parts: m.Parts[parts:]}
	if len(m.Names) > 0 {
		piece.Names, rest.Names = m.Names[:vars:vars], m.Names[vars:]
	}
	return piece, rest
}

// fitting is how many of n things fit into the room, which may end within the
// last of them.
func fitting(n int, room *int, bytes func(int) int) (count int) {
	for ; count < n && *room > 0; count++ {
		*room -= bytes(count)
	}
	return count
}
