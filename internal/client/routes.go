package client

import (
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/ridge"
)

// routes remembers who coordinates each ensemble, as far as this client heard,
// and who cannot be reached.
type routes struct {
	specs []ridge.EnsembleSpec
	hint  []int // by position in specs: index of the supposed coordinator
	down  map[ids.Process]bool
}

func newRoutes(t *ridge.Topology) routes {
	return routes{specs: t.Ensembles, hint: make([]int, len(t.Ensembles)), down: map[ids.Process]bool{}}
}

func (r *routes) index(e ids.Ensemble) int {
	i, ok := slices.BinarySearchFunc(r.specs, e, func(s ridge.EnsembleSpec, e ids.Ensemble) int {
		return int(s.ID) - int(e)
	})
	if !ok {
		return -1
	}
	return i
}

// coordinator is the index, among e's acceptors, of its supposed coordinator.
func (r *routes) coordinator(e ids.Ensemble) int { return r.hint[r.index(e)] }

// acceptor is e's acceptor at index i, counted around.
func (r *routes) acceptor(e ids.Ensemble, i int) ids.Process {
	a := r.specs[r.index(e)].Acceptors
	return a[i%len(a)]
}

// live is the first index from i on, counted around, of an acceptor of e that is
// not known to be down; i if all are.
func (r *routes) live(e ids.Ensemble, i int) int {
	if len(r.down) == 0 {
		return i
	}
	for j := range r.specs[r.index(e)].Acceptors {
		if !r.down[r.acceptor(e, i+j)] {
			return i + j
		}
	}
	return i
}

// lose notes that p is down; it says whether that was news.
func (r *routes) lose(p ids.Process) bool {
	was := r.down[p]
	r.down[p] = true
	return !was
}

// learn notes that p coordinates e; it says whether that was news.
func (r *routes) learn(e ids.Ensemble, p ids.Process) bool {
	i := r.index(e)
	if i < 0 {
		return false
	}
	at := slices.Index(r.specs[i].Acceptors, p)
	if at < 0 || r.hint[i] == at {
		return false
	}
	r.hint[i] = at
	return true
}

// prefer makes the acceptor at index i, counted around, the first to ask.
func (r *routes) prefer(e ids.Ensemble, i int) {
	at := r.index(e)
	r.hint[at] = i % len(r.specs[at].Acceptors)
}

// learnAll learns the coordinators of all ensembles, in the topology's order;
// zero says nothing.
func (r *routes) learnAll(ps []ids.Process) {
	if len(ps) != len(r.specs) {
		return
	}
	for i, p := range ps {
		r.learn(r.specs[i].ID, p)
	}
}
