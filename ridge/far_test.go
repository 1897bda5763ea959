package ridge

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Of eight idle partitions, replicas of one exchange all heartbeats, others one in
// two failure timeouts, and these are spread over the beats.
func TestFarHeartbeatsAreSeldom(t *testing.T) {
	w := newWorld(t, 310, 8, 3, nil)
	w.run(5 * time.Second)
	near, far := 0, 0
	perBeat := map[ids.Process]map[time.Duration]int{}
	w.filter = func(from, to ids.Process, m wire.Message) bool {
		if _, ok := m.(*heartbeat); ok && (from-1)/3 == (to-1)/3 {
			near++
		} else if ok {
			far++
			if perBeat[from] == nil {
				perBeat[from] = map[time.Duration]int{}
			}
			perBeat[from][w.now]++
		}
		return true
	}
	const seconds = 8
	w.run(seconds * time.Second)
	if want := 24 * 2 * 8 * seconds; near > want*11/10 || near < want*8/10 {
		t.Errorf("%d heartbeats between replicas of a partition, want %d", near, want)
	}
	if want := 24 * 21 * seconds; far > want*11/10 || far < want*8/10 {
		t.Errorf("%d others, want %d", far, want)
	}
	for p, beats := range perBeat {
		for _, n := range beats {
			if n > 7 {
				t.Errorf("process %d sent %d at once", p, n)
			}
		}
	}
}

// A process that dies is suspected everywhere as soon as its mates suspect it.
func TestFarPeersAreSuspectedInTime(t *testing.T) {
	for _, dead := range []ids.Process{1, 5, 9} {
		w := newWorld(t, 311, 3, 3, nil)
		w.run(3*time.Second + time.Duration(dead)*77*time.Millisecond)
		w.node(dead).dead = true
		w.run(w.tuning.FailureTimeout + w.tuning.Heartbeat + 10*w.maxDelay)
		for _, n := range w.nodes {
			if n.id != dead && !n.core.Suspected(dead) {
				t.Errorf("process %d does not suspect %d", n.id, dead)
			}
		}
		w.node(dead).dead = false
		w.run(time.Second)
		for _, n := range w.nodes {
			if n.id != dead && n.core.Suspected(dead) {
				t.Errorf("process %d suspects %d, which is back", n.id, dead)
			}
		}
	}
}

// A process that is cut off from its mates alone is suspected by them, and by
// nobody else.
func TestDoubtsAreLookedInto(t *testing.T) {
	w := newWorld(t, 312, 3, 3, nil)
	w.run(3 * time.Second)
	w.sever(5, 4, true)
	w.sever(5, 6, true)
	w.run(2 * w.tuning.FailureTimeout)
	for range 100 {
		w.run(20 * time.Millisecond)
		for _, n := range w.nodes {
			if got, want := n.core.Suspected(5), n.id == 4 || n.id == 6; got != want && n.id != 5 {
				t.Fatalf("process %d suspects process 5: %v", n.id, got)
			}
		}
	}
	w.heal()
	w.run(time.Second)
	for _, n := range w.nodes {
		for _, p := range n.core.order {
			if p.doubted || n.core.Suspected(p.process) {
				t.Errorf("process %d doubts %d still", n.id, p.process)
			}
		}
	}
	w.finish(time.Second)
}

// A learner that has missed the last decision hears of it when the ensemble has
// become quiet, although nobody waits for it.
func TestLastDecisionIsTold(t *testing.T) {
	w := newWorld(t, 313, 2, 3, nil)
	w.run(3 * time.Second)
	w.filter = func(_, to ids.Process, m wire.Message) bool {
		switch m := m.(type) {
		case *decision:
			return to != 5 || m.Ensemble != ids.All
		case *valueMessage:
			return to != 5 || m.Ensemble != ids.All
		}
		return true
	}
	p := w.multicast(w.clients[0], []byte{1}, 0, 1)
	w.run(50 * time.Millisecond)
	w.filter = nil
	if w.everywhere(p) {
		t.Fatal("nothing was missed")
	}
	if !w.reaches(p, time.Duration(quietBeats+2)*w.tuning.Heartbeat+w.node(5).core.patience()*2, 1, 2, 3, 4, 5, 6) {
		t.Errorf("not told\n%s", w.describe())
	}
}

// Who begins to coordinate is known everywhere at once.
func TestNewRoundsAreTold(t *testing.T) {
	w := newWorld(t, 314, 3, 3, nil)
	w.run(3 * time.Second)
	w.node(1).dead = true
	w.run(2 * w.tuning.FailureTimeout)
	for _, n := range w.nodes {
		if n.dead {
			continue
		}
		for _, e := range n.core.ensembles {
			if e.id == ids.All && e.coordinator() == 1 {
				t.Errorf("process %d takes process 1 for the coordinator", n.id)
			}
		}
	}
}

// Heartbeats that overtake each other, and so say again and again what is news, are
// not answered by as many.
func TestHeartbeatsMakeNoStorm(t *testing.T) {
	r := newRig(t, 1, 2, 3)
	r.pass(time.Second)
	beats, last := 0, r.core.beaten
	begun := r.now.Mono
	for i := 0; r.now.Mono < begun+10*r.core.every; i++ {
		m := &heartbeat{Wall: r.now.Wall, Hears: true}
		if i%2 == 0 {
			m.Often, m.Doubts = true, []ids.Process{5}
		}
		r.step(4, m)
		r.pass(50 * time.Microsecond)
		if r.core.beaten != last {
			beats, last = beats+1, r.core.beaten
		}
	}
	if beats < 10 || beats > 4*10+2 {
		t.Errorf("%d heartbeats in ten periods", beats)
	}
}

// N7: a heartbeat that is overtaken by a later one says nothing new: who has
// reported that it needs no more what was forgotten then is not taken for lost.
func TestN7OlderHeartbeat(t *testing.T) {
	r := newRig(t, 1, 1, 3)
	r.pass(time.Second)
	for k := ids.Instance(1); k <= 20; k++ {
		r.e.learn(k, ValueID{}, &Value{}, 0)
	}
	tell := func(delivered ids.Instance) {
		for _, p := range []ids.Process{2, 3} {
			it := heartbeatItem{Round: r.e.known, Delivered: delivered, Needs: delivered}
			if p == 2 {
				it.Delivered, it.Needs = 20, 20
			}
			r.step(p, &heartbeat{Wall: r.now.Wall, Hears: true, Items: []heartbeatItem{it}})
		}
		r.pass(r.core.every)
	}
	tell(15)
	if r.e.log.base != 15 {
		t.Fatalf("trimmed to %d", r.e.log.base)
	}
	tell(13)
	if r.e.log.base != 15 {
		t.Errorf("trimmed to %d, which process 3 needs", r.e.log.base)
	}
}
