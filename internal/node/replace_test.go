package node

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/ridge"
)

// wipe crashes a process whose disk is lost, and starts it with an empty one.
func (m *proc) wipe() {
	m.crash()
	m.disk, m.life = newDisk(), 0
	m.inc = ids.Incarnation(m.lab.rng.Uint64() | 1)
	m.start()
}

// replace does an operator's work until the process has its votes everywhere and
// lacks nothing.
func (l *lab) replace(id ids.Process, most time.Duration) {
	l.t.Helper()
	m := l.procs[id-1]
	operator, next := ids.Client{0xee}, l.now
	ok := l.until(most, func() bool {
		if l.now < next {
			return l.replaced(m)
		}
		next = l.now + 200*time.Millisecond
		for _, e := range []ids.Ensemble{ids.Ensemble(m.part), ids.All} {
			version, named := l.member(e, m)
			if named {
				continue
			}
			for _, o := range l.procs {
				if o.node != nil {
					l.post(ids.ToClient(operator), 0, ids.To(o.id), &session.Replace{Ensemble: e, Process: id, Incarnation: m.inc, Version: version})
				}
			}
			break
		}
		return l.replaced(m)
	})
	if !ok {
		for _, o := range l.procs {
			if o.node == nil {
				continue
			}
			s := o.node.Status()
			doc, _ := json.Marshal(s.Ridge.Ensembles)
			l.t.Logf("process %d: %s, %+v %s", o.id, s.State, s.Transfer, doc)
		}
		l.t.Fatalf("process %d is not replaced at %v: %s", id, l.now, m.node.Status().State)
	}
}

// member finds the version of an ensemble, and whether it names m.
func (l *lab) member(e ids.Ensemble, m *proc) (version uint64, named bool) {
	for _, o := range l.procs {
		if o.node == nil || o == m {
			continue
		}
		for _, s := range o.node.Status().Ridge.Ensembles {
			if s.Ensemble == e && s.Version >= version {
				version = s.Version
				for _, x := range s.Members {
					named = named || x.Process == m.id && x.Incarnation == m.inc
				}
			}
		}
	}
	return version, named
}

func (l *lab) replaced(m *proc) bool {
	s := m.node.Status()
	for _, e := range s.Ridge.Ensembles {
		named := false
		for _, x := range e.Members {
			named = named || x.Process == m.id && x.Incarnation == m.inc && x.Voting
		}
		if !named {
			return false
		}
	}
	return s.State == Ready && (!l.durable || s.Durable.Older > 0)
}

// Processes lose their disks, one after another, and are replaced under load: in
// both partitions, so one that orders for all and one that only learns of that,
// and the founder. Each of them then survives restarts of its own and of others,
// and the loss of any other.
func TestReplaceUnderLoad(t *testing.T) {
	for _, durable := range []bool{true, false} {
		l := newLab(t, 7, durable, 2, 3, small)
		l.user(400, 1, 4)
		l.user(400, 3, 4)
		l.run(500 * time.Millisecond)
		for _, id := range []ids.Process{2, 4, 1, 3, 2} {
			l.procs[id-1].wipe()
			l.run(time.Second)
			if s := l.procs[id-1].node.Status(); !l.procs[id-1].node.Waiting() {
				t.Fatalf("process %d: %s", id, s.State)
			}
			l.replace(id, 30*time.Second)
			t.Logf("%v: process %d is replaced", l.now, id)
			l.user(200, 1, 4)
			if durable {
				l.procs[id-1].crash()
				l.run(200 * time.Millisecond)
				l.procs[id-1].start()
			}
			l.run(time.Second)
		}
		if durable {
			for _, m := range l.procs {
				m.crash()
			}
			for _, m := range l.procs {
				m.start()
			}
		}
		l.user(100, 4, 4)
		l.finish(60 * time.Second)
		for _, m := range l.procs {
			for _, e := range m.node.Status().Ridge.Ensembles {
				if e.Version == 0 {
					t.Errorf("process %d ensemble %d has forgotten its members", m.id, e.Ensemble)
				}
			}
		}
	}
}

// A process that was replaced and is alive after all stops, and says why; from
// its directory it does not start again.
func TestReplacedProcessStops(t *testing.T) {
	l := newLab(t, 9, true, 1, 3, small)
	l.user(100, 1, 4)
	l.run(500 * time.Millisecond)
	m := l.procs[2]
	old, inc, life := m.disk, m.inc, m.life
	m.wipe()
	l.replace(3, 30*time.Second)
	m.crash()
	newer, newInc, newLife := m.disk, m.inc, m.life
	m.disk, m.inc, m.life = old, inc, life
	m.start()
	if !l.until(5*time.Second, func() bool { return m.err != nil }) {
		t.Fatalf("it goes on: %s", m.node.Status().State)
	}
	t.Log(m.err)
	m.disk, m.inc, m.life = newer, newInc, newLife
	m.start()
	l.user(100, 1, 4)
	l.finish(30 * time.Second)
}

var _ = ridge.ErrReplaced
