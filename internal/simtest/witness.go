package simtest

import (
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/partition"
)

// checkWitness checks that every operation is linearizable, with the merged
// order as witness.
//
// Along the merged order all conflicting commands are in the order in which
// every replica executed them, so any topological order of the conflicts gives
// the same answers as the merged one: replaying that one on the model compares
// all answers. What remains is that some topological order agrees with real
// time: conflict order and real-time precedence, united, must have no cycle.
//
// Real-time precedence is an interval order, so a shortest cycle has a single
// real-time edge: if a precedes b and c precedes d, with a path of conflicts
// from b to c and from d to a, then a precedes d or c precedes b, and the
// cycle can be cut short. Hence: no command may be reached by conflicts from
// one that was invoked after it had returned; one pass in merged order with a
// running maximum of invocations per variable finds any.
//
// A read of one replica has its place just after the last position delivered
// there, and what is said above holds of it too.
//
// Commands without a known outcome never returned, and count iff they are in
// the order.
func checkWitness(h *History, o *Order) error {
	line, err := o.all(h)
	if err != nil {
		return err
	}
	touches, err := replay(h, line)
	if err != nil {
		return err
	}
	return checkRealTime(h, line, touches)
}

// replay executes the merged order on the model and compares all answers.
func replay(h *History, line []Effect) ([]touched, error) {
	m := newModel(h.Service, h.Budget)
	touches := make([]touched, len(line))
	seen := make([]bool, len(h.Ops))
	for i := range line {
		e := &line[i]
		op := &h.Ops[e.Op]
		seen[e.Op] = true
		want, t := m.apply(op.Code, op.Arg, e.Position.T, op.Command)
		touches[i] = t
		if h.Second != nil {
			if second, err := h.Second(op.Code, op.Arg, e.Position.T); err != nil || second != want {
				return nil, fmt.Errorf("model: %s at %v: the service on one machine gives %s, its model %s (%v)", h.op(op), e.Position, want, second, err)
			}
		}
		failed := want.errName != "" || want.errTxt != ""
		if failed != (e.Outcome == partition.OutcomeFailed) {
			return nil, fmt.Errorf("linearizability: %s at %v: the model gives %s, the replicas %v", h.op(op), e.Position, want, e.Outcome)
		}
		if op.Returned == 0 {
			continue
		}
		if op.Attempt != e.Attempt {
			return nil, fmt.Errorf("linearizability: %s was answered for attempt %d, but attempt %d took effect", h.op(op), op.Attempt, e.Attempt)
		}
		if got := op.Answer; got != want || op.Failed != failed {
			return nil, fmt.Errorf("linearizability: %s at %v: answered %s, the model gives %s", h.op(op), e.Position, got, want)
		}
	}
	for i := range h.Ops {
		if h.Ops[i].Returned != 0 && !seen[i] {
			return nil, fmt.Errorf("linearizability: %s was answered %s but took effect nowhere", h.op(&h.Ops[i]), h.Ops[i].Answer)
		}
	}
	return touches, nil
}

// latest is the latest invocation among some commands, and whose it is.
type latest struct {
	invoked uint64
	op      int32
}

func (l *latest) raise(m latest) {
	if m.invoked > l.invoked {
		*l = m
	}
}

// checkRealTime is the pass with running maxima. Per variable: written covers
// the last write and everything that reaches it, read the reads since, and updated
// the updates since by one operation, which commutes; one by another comes after.
func checkRealTime(h *History, line []Effect, touches []touched) error {
	vars := newVariables(h, touches)
	written, read := make([]latest, len(vars.names)), make([]latest, len(vars.names))
	updated, by := make([]latest, len(vars.names)), make([]uint16, len(vars.names))
	for i := range line {
		op := &h.Ops[line[i].Op]
		rs, ws := vars.of(&touches[i])
		var before latest
		overlaps := func(v int32) bool {
			op, ok := touches[i].updates[vars.names[v]]
			return ok && (updated[v] == latest{} || by[v] == op)
		}
		for _, v := range rs {
			before.raise(written[v])
			before.raise(updated[v])
		}
		for _, v := range ws {
			before.raise(written[v])
			before.raise(read[v])
			if !overlaps(v) {
				before.raise(updated[v])
			}
		}
		if op.Returned != 0 && before.invoked > op.Returned {
			late := &h.Ops[before.op]
			return fmt.Errorf("linearizability: %s, at %v, returned at %v, before %s was invoked at %v; but by conflicts the latter comes first",
				h.op(op), line[i].Position, op.ReturnedAt, h.op(late), late.InvokedAt)
		}
		before.raise(latest{op.Invoked, line[i].Op})
		for _, v := range rs {
			read[v].raise(before)
		}
		for _, v := range ws {
			op, only := touches[i].updates[vars.names[v]]
			switch {
			case !only:
				written[v], read[v], updated[v] = before, latest{}, latest{}
				continue
			case !overlaps(v):
				written[v].raise(read[v])
				written[v].raise(updated[v])
				read[v], updated[v] = latest{}, latest{}
			}
			updated[v].raise(before)
			by[v] = op
		}
	}
	return nil
}

// variables numbers all variables that any command touched.
type variables struct {
	model  *model // for ranges
	names  []partition.Key
	number map[partition.Key]int32
	rs, ws []int32
}

func newVariables(h *History, touches []touched) *variables {
	v := &variables{model: newModel(h.Service, 0), number: map[partition.Key]int32{}}
	add := func(keys []partition.Key) {
		for _, k := range keys {
			if _, ok := v.number[k]; !ok {
				v.number[k] = 0
				v.names = append(v.names, k)
			}
		}
	}
	for i := range touches {
		add(touches[i].reads)
		add(touches[i].writes)
	}
	slices.SortFunc(v.names, compareKeys)
	for i, k := range v.names {
		v.number[k] = int32(i)
	}
	return v
}

func compareKeys(a, b partition.Key) int {
	switch {
	case a.Collection != b.Collection:
		return int(a.Collection) - int(b.Collection)
	case a.Name < b.Name:
		return -1
	case a.Name > b.Name:
		return 1
	}
	return 0
}

// of lists the numbers of what a command read, ranges included, and wrote.
func (v *variables) of(t *touched) (rs, ws []int32) {
	v.rs, v.ws = v.rs[:0], v.ws[:0]
	for _, k := range t.reads {
		v.rs = append(v.rs, v.number[k])
	}
	for _, k := range t.writes {
		v.ws = append(v.ws, v.number[k])
	}
	for i := range t.ranges {
		r := &t.ranges[i]
		at, _ := slices.BinarySearchFunc(v.names, partition.Key{Collection: r.Collection, Name: r.Lo}, compareKeys)
		for ; at < len(v.names) && v.names[at].Collection == r.Collection && (r.Hi == "" || v.names[at].Name < r.Hi); at++ {
			if v.model.inRange(r, v.names[at]) {
				v.rs = append(v.rs, int32(at))
			}
		}
	}
	return v.rs, v.ws
}

func (h *History) op(op *Op) string {
	return fmt.Sprintf("%v %s(%s)", op.Command, h.Service.Commands[op.Code].Name, describeArg(h, op))
}

func describeArg(h *History, op *Op) string {
	if h.Service.Name == "bank" {
		if a, err := decodeBankArg(op.Arg); err == nil {
			return fmt.Sprintf("%v, %d, %d", a.Keys, a.N, a.M)
		}
	}
	return fmt.Sprintf("%q", op.Arg)
}

func (a answer) String() string {
	if a.errName != "" || a.errTxt != "" {
		return fmt.Sprintf("error %s %q", a.errName, a.errTxt)
	}
	if len(a.value) == 8 {
		return fmt.Sprintf("%d", number([]byte(a.value)))
	}
	return fmt.Sprintf("%q", a.value)
}
