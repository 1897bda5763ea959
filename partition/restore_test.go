package partition

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// everythingOf is all items of a replica as it is.
func everythingOf(t testing.TB, r *Replica) disk {
	t.Helper()
	s := &Snapshot{meta: meta{
		partition: r.config.Partition, fingerprint: r.service.Fingerprint(), version: r.version(),
		last: r.last, present: r.present, delivered: r.delivered, outcomes: r.outcomes, dropped: r.outbox.dropped, inForce: r.inForce,
	}, ledger: newLedger()}
	if n := len(r.marks); n > 1 { // the last is that of the checkpoint it is compared with
		s.meta.before = r.marks[n-2]
	}
	if m := &s.meta.before; m.snap != nil {
		m.sum, m.snap = m.snap.final, nil
	}
	r.captureAll(s)
	items := s.Next(nil, 1<<30)
	for i := 1; i < len(items); i++ {
		if slices.Compare(items[i-1].Key, items[i].Key) >= 0 {
			t.Fatalf("%q after %q", items[i].Key, items[i-1].Key)
		}
	}
	d := disk{items: make(map[string][]byte)}
	for _, it := range items {
		d.items[string(it.Key)] = it.Value
	}
	return d
}

func sameItems(w *world, what string, a, b map[string][]byte) {
	if maps.EqualFunc(a, b, func(x, y []byte) bool { return string(x) == string(y) }) {
		return
	}
	for k, v := range a {
		if x, ok := b[k]; !ok || string(x) != string(v) {
			w.fatalf("%s: item %q is\n%x (%v), want\n%x", what, k, x, ok, v)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			w.fatalf("%s: item %q is there", what, k)
		}
	}
}

// archive is what was said of each command, for whoever asks.
type archive map[Tag]map[ids.Partition][]letter

// shadow is a replica restored from a checkpoint of another, that lives through
// the rest of its deliveries, and gets what it misses by pulls.
type shadow struct {
	w    *world
	of   *node
	r    *Replica
	now  hlc.Now
	said archive
}

func (s *shadow) serve() {
	for again := true; again; {
		again = false
		for _, x := range s.r.Sends() {
			m, err := Decode(x.Msg.Kind(), x.Msg.Append(nil))
			if err != nil {
				s.w.fatalf("%v", err)
			}
			switch m := m.(type) {
			case *Reply:
				if m.Outcome.Final() {
					tag, e := s.w.ending(m)
					if e == nil {
						s.w.fatalf("a restored replica replies to %v", m.Command)
					}
					s.w.sameReply(s.of, tag, m, &e.reply)
				}
			case *Pull:
				for _, l := range s.said[m.Tag][s.r.peers[x.To.Process]] {
					s.r.Step(s.now, l.from, l.m)
				}
				again = true
			}
		}
	}
	if err := s.r.Err(); err != nil {
		s.w.fatalf("a restored replica stopped: %v", err)
	}
}

func (s *shadow) settle() {
	s.serve()
	for range 1000 {
		if s.r.Status().Unfinished == 0 {
			return
		}
		s.now.Mono += s.w.tuning.PullMax
		s.r.Tick(s.now)
		s.serve()
	}
}

// live feeds the rest of the order.
func (s *shadow) live(from int) {
	s.r.Tick(s.now)
	s.serve()
	for _, d := range s.w.order[from:] {
		if !d.Dests.Has(s.of.p) {
			continue
		}
		if !s.r.Ready() {
			s.settle()
		}
		s.r.Deliver(s.now, d)
		s.serve()
	}
	s.settle()
}

// keptValues are the values in an outbox, by command.
func keptValues(r *Replica) map[Tag]map[Key]string {
	all := make(map[Tag]map[Key]string)
	for _, o := range r.outbox.line.all() {
		if o.dropped {
			continue
		}
		m := make(map[Key]string)
		for _, v := range o.vars {
			m[v.Key] = string(v.Value)
			if !v.OK {
				m[v.Key] = "none"
			}
		}
		for _, p := range o.parts {
			for _, it := range p.Items {
				m[Key{p.Range.Collection, it.Name}] = string(it.Value)
			}
		}
		all[o.Tag] = m
	}
	return all
}

// TestRestoreEverywhere takes a checkpoint at every delivery of a replica, as a
// store would hold it from the changes alone: it must be what the replica is,
// and a replica made of it must be the same, and stay so to the end: replies,
// state, and what others may ask of it [C2, E8].
func TestRestoreEverywhere(t *testing.T) {
	n := uint64(*seeds) / 5
	positions, unfinished, started, received := 0, 0, 0, 0
	list := []uint64{86} // a value that came with an earlier command was in no further checkpoint
	for seed := *first; seed < *first+n; seed++ {
		list = append(list, seed)
	}
	for _, seed := range list {
		w := randomWorld(t, seed, durable, func(c *Config) { c.Tuning.MaxOutbox, c.Tuning.MaxOutboxBytes = 1<<16, 1<<30 })
		w.faultsUntil = 100 * time.Millisecond
		said := make(archive)
		w.onSend = func(from ids.Process, s Send) {
			var tags []Tag
			switch m := s.Msg.(type) {
			case *Exchange:
				tags = []Tag{m.Tag}
			case *Signals:
				tags = m.Tags
			}
			n := w.nodes[from-1]
			for _, tag := range tags {
				if said[tag] == nil {
					said[tag] = make(map[ids.Partition][]letter)
				}
				whole := n.r.outbox.line.find(tag.Position).everything() // as whoever asks is told [E8]
				said[tag][n.p] = append(said[tag][n.p], letter{from: from, m: whole})
			}
		}
		victim := w.nodes[seed%uint64(len(w.nodes))]
		type point struct {
			items []StateItem
			sum   Sum
			next  int
		}
		var points []point
		var d disk
		w.delivered = func(n *node) {
			if n != victim {
				return
			}
			d.write(t, n.r.Checkpoint())
			sameItems(w, "changes applied", everythingOf(t, n.r).items, d.items)
			p := point{d.sorted(), d.sum, n.next}
			points = append(points, p)
			c := n.config
			c.Observe = nil
			r, err := restore(c, p.items, p.sum)
			if err != nil {
				w.fatalf("at %v: %v", n.r.last, err)
			}
			sameItems(w, "restored", d.items, everythingOf(t, r).items)
			for _, c := range n.r.queue.all() {
				if !c.finished {
					unfinished++
					if c.started {
						started++
					}
					if c.in.bytes > 0 {
						received++
					}
				}
			}
			r.Close()
		}
		w.run(2 * time.Second)
		if victim.crashed {
			continue
		}
		at, want, ok := victim.r.Digest()
		if !ok {
			w.fatalf("still busy: %+v", victim.r.Status())
		}
		c := victim.config
		c.Observe, c.Suspected = nil, nil
		never := &shadow{w: w, of: victim, r: newReplica(c), said: said}
		never.live(0)
		all := keptValues(never.r)
		for i, p := range points {
			r, err := restore(c, p.items, p.sum)
			if err != nil {
				t.Fatal(err)
			}
			s := &shadow{w: w, of: victim, r: r, said: said}
			s.live(p.next)
			if pos, got, ok := r.Digest(); !ok || got != want || pos != at {
				w.fatalf("restored at delivery %d: digest %x at %v (%v), want %x at %v: %+v", i, got, pos, ok, want, at, r.Status())
			}
			if r.outcomes != victim.r.outcomes || r.delivered != victim.r.delivered {
				w.fatalf("restored at delivery %d: folds differ", i)
			}
			have := keptValues(r)
			for tag, values := range all {
				mine, there := have[tag]
				if !there {
					w.fatalf("restored at delivery %d: nothing is kept of %v", i, tag)
				}
				for k, v := range mine {
					if x, there := values[k]; there && x != v {
						w.fatalf("restored at delivery %d: another value of %v for %v", i, k, tag)
					}
				}
			}
			if len(have) != len(all) {
				w.fatalf("restored at delivery %d: %d entries are kept, want %d", i, len(have), len(all))
			}
			positions++
			r.Close()
		}
		never.r.Close()
		for _, n := range w.nodes {
			n.r.Close()
		}
	}
	t.Logf("%d positions, %d times a command was unfinished, %d started, %d with values", positions, unfinished, started, received)
	if n >= 20 && (unfinished == 0 || started == 0 || received == 0) {
		t.Error("vacuous")
	}
}
