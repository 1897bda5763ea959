package ridge

import (
	"errors"
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// MaxAcceptors bounds the acceptors of one ensemble.
const MaxAcceptors = 31

// NewTopology gives every partition an ensemble of its own, whose acceptors
// are the partition's first 2f+1 replicas, and, when there are several
// partitions, ids.All with the acceptors of partition 0. Every replica learns
// from its partition's ensemble and from ids.All (erratum 3 of the source:
// a process of a single group must not skip e_all).
func NewTopology(replicas [][]ids.Process) *Topology {
	t := &Topology{Replicas: replicas}
	for p, rs := range replicas {
		t.Ensembles = append(t.Ensembles, EnsembleSpec{
			ID:         ids.Ensemble(p),
			Acceptors:  odd(rs),
			Partitions: ids.NewSet(ids.Partition(p)),
		})
	}
	if len(replicas) > 1 {
		t.Ensembles = append(t.Ensembles, EnsembleSpec{
			ID:         ids.All,
			Acceptors:  odd(replicas[0]),
			Partitions: ids.Range(len(replicas)),
		})
	}
	return t
}

// odd is the largest odd prefix of rs.
func odd(rs []ids.Process) []ids.Process {
	if len(rs) == 0 {
		return nil
	}
	return slices.Clone(rs[:(len(rs)-1)/2*2+1])
}

// EnsembleFor maps destinations to the ensemble that orders their messages:
// the one function that knows the mapping of groups over ensembles (Algorithm
// 5). It is fixed at start [R10].
func (t *Topology) EnsembleFor(dests ids.Set) ids.Ensemble {
	if len(dests) == 1 {
		return ids.Ensemble(dests[0])
	}
	return ids.All
}

// Validate reports every complaint about t, joined.
func (t *Topology) Validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("topology: "+format, args...))
		}
	}
	need(len(t.Replicas) > 0, "there is no partition")
	need(len(t.Replicas) < int(ids.All), "%d partitions are too many", len(t.Replicas))
	home := make(map[ids.Process]ids.Partition)
	for p, rs := range t.Replicas {
		need(len(rs) > 0, "partition %d has no replica", p)
		for _, r := range rs {
			need(r != 0, "partition %d names process 0, which names none", p)
			q, twice := home[r]
			need(!twice, "process %d replicates partitions %d and %d", r, q, p)
			home[r] = ids.Partition(p)
		}
	}
	for i := range t.Ensembles {
		e := &t.Ensembles[i]
		need(i == 0 || t.Ensembles[i-1].ID < e.ID, "ensemble %d is out of order", e.ID)
		n := len(e.Acceptors)
		need(n%2 == 1 && n <= MaxAcceptors, "ensemble %d has %d acceptors, not an odd number up to %d", e.ID, n, MaxAcceptors)
		need(len(e.Partitions) > 0 && e.Partitions.Valid(), "ensemble %d has no sorted set of partitions", e.ID)
		for j, a := range e.Acceptors {
			p, known := home[a]
			need(known && e.Partitions.Has(p), "acceptor %d of ensemble %d replicates none of its partitions", a, e.ID)
			need(!slices.Contains(e.Acceptors[:j], a), "acceptor %d stands twice in ensemble %d", a, e.ID)
			need(p == home[e.Acceptors[0]], "the acceptors of ensemble %d replicate different partitions", e.ID)
		}
	}
	for p := range t.Replicas {
		s := t.spec(ids.Ensemble(p))
		need(s != nil && s.Partitions.Has(ids.Partition(p)), "partition %d has no ensemble of its own", p)
	}
	if len(t.Replicas) > 1 {
		s := t.spec(ids.All)
		need(s != nil && len(s.Partitions) == len(t.Replicas), "no ensemble orders messages for all partitions")
	}
	return errors.Join(errs...)
}

// spec finds an ensemble's description, or nil.
func (t *Topology) spec(e ids.Ensemble) *EnsembleSpec {
	i, ok := slices.BinarySearchFunc(t.Ensembles, e, func(s EnsembleSpec, e ids.Ensemble) int {
		return int(s.ID) - int(e)
	})
	if !ok {
		return nil
	}
	return &t.Ensembles[i]
}

// partitionOf finds the partition that a process replicates.
func (t *Topology) partitionOf(p ids.Process) (ids.Partition, bool) {
	for i, rs := range t.Replicas {
		if slices.Contains(rs, p) {
			return ids.Partition(i), true
		}
	}
	return 0, false
}

// learners are the processes that learn from an ensemble, in order of
// partition and replica.
func (t *Topology) learners(s *EnsembleSpec) []ids.Process {
	var ls []ids.Process
	for _, p := range s.Partitions {
		if int(p) < len(t.Replicas) {
			ls = append(ls, t.Replicas[p]...)
		}
	}
	return ls
}
