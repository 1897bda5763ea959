package simtest

import (
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/ridge"
)

// held checks that a decided value survives the loss of any f acceptors: f+1 of
// them have it in their journals, or f+1 replicas of each partition that it is
// for have a checkpoint with it.
func (m *monitor) held(e ids.Ensemble, k ids.Instance, id ridge.ValueID) {
	spec := m.spec(e)
	have := 0
	for _, a := range spec.Acceptors {
		for d := m.c.servers[a-1].disk; d != nil; d = d.ghost {
			if v := d.acked[e]; v != nil && v.at[k].ID == id && !v.at[k].Round.IsZero() {
				have++
				break
			}
		}
	}
	if have <= m.c.f() && k > m.covered(spec) {
		m.c.fail(fmt.Errorf("durability: instance %d of ensemble %d is decided, but only %d acceptors remember it, and checkpoints of f+1 replicas of each partition reach up to %d only",
			k, e, have, m.covered(spec)))
	}
	m.Held++
}

func (m *monitor) spec(e ids.Ensemble) *ridge.EnsembleSpec {
	for i := range m.c.topo.Ensembles {
		if s := &m.c.topo.Ensembles[i]; s.ID == e {
			return s
		}
	}
	return nil
}

// covered is up to where f+1 replicas of each partition have durable checkpoints.
func (m *monitor) covered(spec *ridge.EnsembleSpec) ids.Instance {
	least := ^ids.Instance(0)
	for _, p := range spec.Partitions {
		var at []ids.Instance
		for _, r := range m.c.topo.Replicas[p] {
			top := ids.Instance(0)
			for d := m.c.servers[r-1].disk; d != nil; d = d.ghost {
				top = max(top, d.covers[spec.ID])
			}
			at = append(at, top)
		}
		slices.Sort(at)
		least = min(least, at[len(at)-1-m.c.f()])
	}
	return least
}

// durable checks what is decided in the ensembles of a partition's acceptors.
func (m *monitor) durable(p ids.Partition) {
	for i := range m.c.topo.Ensembles {
		spec := &m.c.topo.Ensembles[i]
		if m.c.servers[spec.Acceptors[0]-1].part != p {
			continue
		}
		for k := m.covered(spec) + 1; k <= m.highest[spec.ID]; k++ {
			if l, ok := m.decided[instance{spec.ID, k}]; ok {
				m.held(spec.ID, k, l.id)
			}
		}
	}
}

// resumed looks at a process that has just started from its disk: what it told
// others it has promised still holds [R1].
func (m *monitor) resumed(s *server) {
	for _, e := range s.node.Status().Ridge.Ensembles {
		if t := s.disk.told[e.Ensemble]; t != nil && e.Round.Less(t.promised) {
			m.c.fail(fmt.Errorf("promises: process %d promised %+v in ensemble %d, and comes back with %+v", s.process, t.promised, e.Ensemble, e.Round))
		}
	}
}

// lacking looks at a replica that needs another's state. If none of its partition
// could give one, a memory-only partition is lost; with disks that must not be.
func (m *monitor) lacking(s *server) {
	c := m.c
	m.lacked[s.part] = true
	for _, o := range c.servers {
		switch {
		case o.part != s.part || o.forgetful:
		case !o.up():
			if o.disk != nil && o.disk.dead == nil {
				return // it comes back
			}
		case o.node.Status().Transfer.Lacks == "":
			return
		}
	}
	if c.shape.Disks.Durable {
		c.fail(fmt.Errorf("durability: all replicas of partition %d lack something: process %d: %s", s.part, s.process, s.node.Status().Transfer.Lacks))
		return
	}
	c.lost = true
}

// disks checks, at rest, that disks hold no more than they have to.
func (m *monitor) disks() {
	o := &m.c.shape.Disks.Journal
	for _, s := range m.c.servers {
		if s.driver == nil || !s.up() {
			continue
		}
		m.status(s) // sees who serves a state now
		j, st := s.driver.j, s.node.Status()
		live := int64(64 << 10)
		for _, e := range st.Ridge.Ensembles {
			live += 2 * int64(e.LogBytes+200*e.LogCount)
		}
		m.peak.segments, m.peak.journal = max(m.peak.segments, j.Segments()), max(m.peak.journal, int(j.Size()))
		if j.Live() > live {
			m.c.fail(fmt.Errorf("bounds: %d bytes of process %d's journal are live, for a log that accounts for %d", j.Live(), s.process, live))
		}
		if most := (int64(o.Keep)+3)*o.SegmentSize + 5*j.Live(); j.Size() > most {
			m.c.fail(fmt.Errorf("bounds: process %d's journal takes %d bytes in %d segments, of which %d are live", s.process, j.Size(), j.Segments(), j.Live()))
		}
		if n := len(s.disk.store.Newest()); n > 3 && !m.lacked[s.part] { // else one may be pinned for a receiver
			m.c.fail(fmt.Errorf("bounds: process %d keeps %d checkpoints", s.process, n))
		}
	}
}
