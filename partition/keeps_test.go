package partition

import "testing"

// A replica does not go on from a state in which a command is unfinished that
// it has told others to be finished: what they said about it may be gone, and
// it may have been one of f+1 that still had its effect.
func TestKeepsWhatWasTold(t *testing.T) {
	for _, persistent := range []bool{true, false} {
		l := newLab(t, 2, 3, func(c *Config) { c.Durable = persistent })
		x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
		cmd := l.op(5000, exactly(put(x), get(y)), 0, 1)
		l.deliver(cmd, 1, 2)
		said := &Exchange{Tag: Tag{cmd.Position, cmd.Command, 1}, Signal: true, Vars: []Var{{y, true, []byte("y")}}}
		state := func(id int) *Replica {
			d := everythingOf(t, l.node(id))
			for _, it := range d.sorted() {
				d.sum.Add(it)
			}
			r, err := restore(l.node(1).config, d.sorted(), d.sum)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(r.Close)
			return r
		}
		var d disk
		save := func() {
			if persistent {
				l.save(1, &d)
			}
		}
		save()
		if !state(2).Keeps(l.node(1)) {
			t.Fatal("neither has finished it")
		}
		l.node(1).Step(l.now, 4, said)
		save()
		if state(2).Keeps(l.node(1)) {
			t.Fatal("what was told is lost")
		}
		if persistent { // the same after a restart
			l.reborn(1, &d)
			if state(2).Keeps(l.node(1)) {
				t.Fatal("a life later what was told is lost")
			}
		}
		late := l.op(5001, exactly(put(l.key(colHash, 0, 1)), get(l.key(colHash, 1, 1))), 0, 1)
		l.deliver(late, 2)
		l.node(2).Step(l.now, 4, said)
		if !state(2).Keeps(l.node(1)) {
			t.Fatal("what comes later was never told")
		}
	}
}
