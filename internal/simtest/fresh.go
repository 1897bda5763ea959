package simtest

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
)

// freshness checks that whoever executes a read has delivered all that anybody
// knew to be decided when the read came to it: what a client may have been
// answered before it read is among that. Linearizability needs no more, and
// shows what is missing only where two commands happen to meet.
type freshness struct {
	s *server
	// came has, for each read, what was decided when its copies came.
	came map[readName][]decidedUpTo
}

type readName struct {
	client ids.Client
	number uint64
}

// decidedUpTo has, by ensemble, the highest instance that anybody has learned.
type decidedUpTo map[ids.Ensemble]ids.Instance

// take notes a read that comes.
func (f *freshness) take(s *server, from ids.Addr, m wire.Message) {
	q, ok := m.(*partition.ReadRequest)
	if !ok {
		return
	}
	if f.came == nil {
		f.s, f.came = s, map[readName][]decidedUpTo{}
	}
	up := decidedUpTo{}
	for e, k := range s.c.checks.highest {
		up[e] = k
	}
	name := readName{from.Client, q.Number}
	f.came[name] = append(f.came[name], up)
}

// answer checks a read that ends. Of several copies the least demanding one is
// taken to be it.
func (f *freshness) answer(to ids.Addr, m wire.Message) {
	r, ok := m.(*partition.ReadReply)
	name := readName{to.Client, 0}
	if ok {
		name.number = r.Number
	}
	copies := f.came[name]
	if !ok || len(copies) == 0 {
		return
	}
	if r.Outcome == partition.OutcomeRefused { // at once, so it was the last to come
		f.came[name] = copies[:len(copies)-1]
		return
	}
	f.came[name] = copies[1:]
	for _, e := range f.s.node.Status().Ridge.Ensembles {
		if k := copies[0][e.Ensemble]; e.Delivered < k {
			f.s.c.fail(fmt.Errorf("reads: process %d answered read %d of %v when it had delivered up to %d of ensemble %d; when the read came, %d was decided",
				f.s.process, name.number, name.client, e.Delivered, e.Ensemble, k))
		}
	}
}
