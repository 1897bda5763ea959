package partition

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// reborn replaces a process by one restored from its checkpoint.
func (l *lab) reborn(id int, d *disk) {
	l.t.Helper()
	old := l.node(id)
	r, err := restore(old.config, d.sorted(), d.sum)
	if err != nil {
		l.t.Fatal(err)
	}
	old.Close()
	l.t.Cleanup(r.Close)
	l.nodes[id-1] = r
}

func (l *lab) save(id int, d *disk) Sum {
	l.t.Helper()
	d.write(l.t, l.node(id).Checkpoint())
	return d.sum
}

// [C2] A command that waits for another partition is in the checkpoint, with
// what has been received for it; one behind it that has finished is too. [N3]
// The checkpoint does not wait for that partition.
func TestUnfinishedIsInCheckpoint(t *testing.T) {
	l := newLab(t, 2, 1, durable)
	x, y, z := l.key(colHash, 0, 0), l.key(colHash, 1, 0), l.key(colHash, 0, 1)
	cmd := l.op(5000, exactly(get(y), put(x)), 0, 1)
	l.deliver(cmd, 1)
	l.node(1).Step(l.now, 2, &Exchange{Tag: Tag{cmd.Position, cmd.Command, 1}, Vars: []Var{{y, true, []byte("y")}}})
	l.collect(1)
	l.deliver(l.op(5001, exactly(get(x)), 0), 1) // waits
	l.deliver(l.op(5002, exactly(put(z)), 0), 1) // overtakes
	l.expect("5002:ok")
	var d disk
	l.save(1, &d)
	l.mail = nil
	l.reborn(1, &d)
	if l.value(1, z) == "none" || l.value(1, x) != "none" {
		t.Fatalf("z %s, x %s", l.value(1, z), l.value(1, x))
	}
	if n := l.node(1).Status().Unfinished; n != 2 {
		t.Fatalf("%d unfinished", n)
	}
	l.tick(0)
	if n := l.sent(isSignal); n != 0 {
		t.Fatalf("%d signals sent again without having been asked for", n)
	}
	// Nobody need send the value again.
	l.node(1).Step(l.now, 2, &Exchange{Tag: Tag{cmd.Position, cmd.Command, 1}, Signal: true})
	l.collect(1)
	for range 5 {
		l.tick(testTuning().PullMax)
		l.pass(nil)
	}
	got := strings.Fields(l.answers())
	slices.Sort(got)
	if fmt.Sprint(got) != "[5000:ok 5001:ok 5002:ok]" {
		t.Fatalf("replies %v", got)
	}
}

// [E8] What a finished command sent can be asked of a replica that was restored
// beyond it; that of one which ended in retry too.
func TestOutboxIsInCheckpoint(t *testing.T) {
	l := newLab(t, 3, 1, durable)
	x, y, far := l.key(colHash, 0, 0), l.key(colHash, 1, 0), l.key(colHash, 2, 0)
	l.deliver(l.op(5000, exactly(put(x)), 0), 1)
	cmd := l.op(5001, exactly(get(x), put(y)), 0, 1)
	dropped := l.op(5002, all(&program{code: []instr{get(x), get(y), put(far)}}), 0, 1)
	l.deliver(cmd, 1)
	l.deliver(dropped, 1)
	l.node(1).Step(l.now, 2, &Exchange{Tag: Tag{cmd.Position, cmd.Command, 1}, Signal: true})
	l.node(1).Step(l.now, 2, &Exchange{Tag: Tag{dropped.Position, dropped.Command, 1}, Signal: true, Vars: []Var{{y, true, []byte("y")}}})
	l.collect(1)
	if st := l.node(1).Status(); st.Unfinished != 0 || st.Counters.Retries != 1 {
		t.Fatalf("%+v", st)
	}
	l.mail = nil // all is lost
	var d disk
	l.save(1, &d)
	l.reborn(1, &d)
	l.deliver(cmd, 2)
	l.deliver(dropped, 2)
	for range 5 {
		l.tick(testTuning().PullMax)
		l.pass(nil)
	}
	if st := l.node(2).Status(); st.Unfinished != 0 || l.value(2, y) == "none" {
		t.Fatalf("%+v", st)
	}
}

// [C5] An entry goes when f+1 replicas of every other destination have told
// that a checkpoint which they will come back to has the command finished: the
// older one of two; and not for what they have finished since.
func TestOutboxGoesByStableCheckpoints(t *testing.T) {
	l := newLab(t, 2, 3, durable)
	x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	var disks [7]disk
	var before [7]Sum
	checkpoint := func(who ...int) {
		for _, id := range who {
			sum := l.save(id, &disks[id])
			l.node(id).Stable(before[id])
			before[id] = sum
			l.collect(ids.Process(id))
		}
		l.pass(nil)
	}
	entries := func() int { return l.node(1).Status().Outbox }
	checkpoint(1, 2, 3, 4, 5, 6)
	l.deliver(l.op(5000, exactly(get(x), get(y)), 0, 1), 1, 2, 3, 4, 5, 6)
	l.pass(nil)
	l.tick(askFirst)
	l.pass(nil)
	checkpoint(4, 5, 6)
	if entries() != 1 {
		t.Fatal("dropped when it was finished in the newest checkpoints")
	}
	checkpoint(4, 5)
	if entries() != 1 {
		t.Fatal("dropped though there is room and 6 may come back before it")
	}
	l.node(1).tuning.MaxOutbox = 1 // now there is not
	l.node(1).sweep()
	if entries() != 0 {
		t.Fatal("kept though f+1 are stable")
	}
	l.node(1).tuning.MaxOutbox = 100
	l.deliver(l.op(5001, exactly(get(x), get(y)), 0, 1), 1, 2, 3, 4, 5, 6)
	l.pass(nil)
	l.node(1).tuning.MaxOutbox = 1
	checkpoint(4, 4)
	if entries() != 1 {
		t.Fatal("dropped though fewer than f+1 are stable")
	}
}

// [C5] Where room is short an entry goes by replicas that have finished all that
// comes before it, too. Otherwise each of three might lack something else.
func TestOutboxLeavesSomebodyWhole(t *testing.T) {
	l := newLab(t, 2, 3, durable)
	x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	first, second := l.op(5000, exactly(get(x), get(y)), 0, 1), l.op(5001, exactly(get(x), get(y)), 0, 1)
	l.deliver(first, 1, 4, 5, 6)
	l.deliver(second, 1, 4, 5, 6)
	l.pass(nil)
	n := l.node(1)
	n.tuning.MaxOutbox = 1
	tell := func(from ids.Process, except ...ids.Position) {
		n.Step(l.now, from, &Progress{Below: after(second.Position), Except: except})
	}
	has := func(want ...bool) {
		t.Helper()
		for i, d := range []Delivery{first, second} {
			if o := n.outbox.line.find(d.Position); (o != nil && !o.dropped) != want[i] {
				t.Fatalf("entry %d is kept: %v", i, !want[i])
			}
		}
	}
	tell(4, second.Position)
	tell(5, first.Position)
	has(true, true)
	tell(6)
	has(false, true) // 4 and 6 have the first; the second only 6 has with all before it
	n.Step(l.now, 5, &Progress{Below: after(after(second.Position))})
	has(false, false)
}

// What others may still keep counts as pending, though nothing is kept here.
func TestNeedlessIsPending(t *testing.T) {
	l := newLab(t, 2, 3, durable)
	n := l.node(1)
	cmd := l.op(5000, exactly(get(l.key(colHash, 0, 0)), get(l.key(colHash, 1, 0))), 0, 1)
	for from := ids.Process(4); from <= 6; from++ { // they have it already
		n.Step(l.now, from, &Progress{Below: after(cmd.Position)})
	}
	l.deliver(cmd, 1, 4, 5, 6)
	l.pass(nil)
	if count, bytes := n.Pending(); n.Status().Outbox != 0 || count != 1 || bytes == 0 {
		t.Fatalf("%d entries; %d exchanges of %d bytes pend", n.Status().Outbox, count, bytes)
	}
}

// [C5] What was told while this replica could not hear is asked for, however
// long the teller was suspected: it comes back.
func TestDurableGoesOnAsking(t *testing.T) {
	l := newLab(t, 2, 1, durable)
	var d, e disk
	l.deliver(l.op(5000, exactly(get(l.key(colHash, 0, 0)), get(l.key(colHash, 1, 0))), 0, 1), 1, 2)
	l.pass(nil)
	l.suspects[2] = true
	for range 6 {
		l.tick(askMost)
	}
	l.node(2).Stable(l.save(2, &d))
	l.collect(2)
	l.mail = nil // lost
	l.suspects[2] = false
	l.tick(askMost)
	l.pass(func(x letter) bool { m, ok := x.m.(*Progress); return !ok || x.from != 2 || !m.Ask })
	if n := l.node(1).Status().Outbox; n != 0 {
		t.Fatalf("%d entries", n)
	}
	l.save(1, &e)
}

// [C5] A replica restored from the older checkpoint does what that one says,
// and nobody believes more of it than it has told.
func TestProgressFallsBack(t *testing.T) {
	l := newLab(t, 2, 1, durable)
	x, y := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	var older, newest disk
	l.save(1, &older)
	newest.items = make(map[string][]byte)
	cmd := l.op(5000, exactly(get(x), put(y)), 0, 1)
	l.deliver(cmd, 1, 2)
	l.pass(nil)
	l.node(2).Stable(Sum{1, 1}) // of no checkpoint that it knows
	sum := l.save(1, &newest)
	l.node(1).Stable(older.sum)
	l.collect(1)
	l.pass(nil)
	l.reborn(1, &older)
	l.node(1).Stable(sum) // unknown in this life
	l.collect(1)
	if n := l.sent(func(x letter) bool { _, ok := x.m.(*Progress); return ok }); n != 0 {
		t.Fatalf("told %d times what is not known", n)
	}
	l.deliver(cmd, 1)
	for range 3 {
		l.tick(testTuning().PullMax)
		l.pass(nil)
	}
	if st := l.node(1).Status(); st.Unfinished != 0 || l.node(2).Status().Outbox != 1 {
		t.Fatalf("%+v, %d entries at 2", st, l.node(2).Status().Outbox)
	}
}

// A pull for what is gone everywhere asks for another's state, and stops
// nothing; what comes after all takes the need away.
func TestGoneNeedsState(t *testing.T) {
	l := newLab(t, 2, 1)
	y := l.key(colHash, 1, 0)
	cmd := l.op(5000, exactly(get(y)), 0, 1)
	l.deliver(cmd, 1)
	tag := Tag{cmd.Position, cmd.Command, 1}
	l.node(1).Step(l.now, 2, &Answer{Tag: tag, Status: AnswerGone, Below: cmd.Position})
	l.collect(1)
	if need, why := l.node(1).NeedState(); !need || !strings.Contains(why, "partition 1") {
		t.Fatal(need, why)
	}
	l.deliver(l.op(5001, exactly(put(l.key(colHash, 0, 0))), 0), 1)
	l.expect("5001:ok")
	l.node(1).Step(l.now, 2, &Exchange{Tag: tag, Signal: true, Vars: []Var{{Key: y}}})
	l.collect(1)
	if need, _ := l.node(1).NeedState(); need {
		t.Fatal("it needs nothing any more")
	}
}

// Who has neither dropped nor got what is waited for may itself wait for this
// replica: at some time another's state is asked for all the same.
func TestGoneForOneIsGoneAtLast(t *testing.T) {
	l := newLab(t, 2, 3)
	cmd := l.op(5000, exactly(get(l.key(colHash, 1, 0))), 0, 1)
	l.deliver(cmd, 1)
	tag := Tag{cmd.Position, cmd.Command, 1}
	n := l.node(1)
	n.Step(l.now, 4, &Answer{Tag: tag, Status: AnswerGone, Below: cmd.Position})
	answer := func() {
		for _, p := range []ids.Process{5, 6} {
			n.Step(l.now, p, &Answer{Tag: tag, Status: AnswerNotYet})
		}
		l.collect(1)
	}
	answer()
	for range 2 * askedRounds {
		l.tick(testTuning().PullMax)
		answer()
		if need, _ := n.NeedState(); need {
			t.Fatal("others may have it yet")
		}
	}
	for range 2 * askedRounds {
		l.tick(testTuning().PullMax)
		answer()
	}
	if need, _ := n.NeedState(); !need {
		t.Fatal("it waits for ever")
	}
}

// [C3] Replicas compare their states; one that differs from two others that
// agree stops. It is not compared while anything is unfinished.
func TestDivergedReplicaStops(t *testing.T) {
	l := newLab(t, 2, 3, durable)
	for _, n := range l.nodes {
		n.sums.every = 2
	}
	x := l.key(colHash, 0, 0)
	compared := func(id int) uint64 { return l.node(id).Status().Counters.Compared }
	l.deliver(l.op(5000, exactly(put(x)), 0), 1, 2, 3)
	l.deliver(l.op(5001, exactly(put(x)), 0), 1, 2, 3)
	l.pass(nil)
	if compared(1) != 1 || l.node(1).Status().Counters.Diverged != 0 {
		t.Fatalf("%+v", l.node(1).Status().Counters)
	}
	l.deliver(l.op(5002, exactly(put(x)), 0), 1, 2, 3)
	wait := l.op(5003, exactly(get(l.key(colHash, 1, 0))), 0, 1)
	l.deliver(wait, 1, 2, 3)
	if compared(1) != 1 {
		t.Fatal("compared while a command is unfinished")
	}
	l.deliver(wait, 4, 5, 6) // it ends before anything follows
	l.pass(nil)
	if compared(1) != 2 || compared(2) != 2 {
		t.Fatal("not compared when all had finished")
	}
	l.node(2).state.set(x, []byte("wrong"))
	l.mayStop = true
	l.deliver(l.op(5004, exactly(get(l.key(colHash, 0, 3))), 0), 1, 2, 3)
	l.deliver(l.op(5005, exactly(get(l.key(colHash, 0, 3))), 0), 1, 2)
	l.pass(nil)
	if l.node(1).Err() != nil || l.node(2).Err() != nil || l.node(1).Status().Counters.Diverged == 0 {
		t.Fatal("of two that differ nobody knows which is right")
	}
	l.deliver(l.op(5005, exactly(get(l.key(colHash, 0, 3))), 0), 3)
	l.pass(nil)
	if err := l.node(2).Err(); !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "diverged") {
		t.Fatal(err)
	}
	if l.node(1).Err() != nil || l.node(3).Err() != nil {
		t.Fatal(l.node(1).Err(), l.node(3).Err())
	}
}

// [C3] An outcome that differs shows, even where no variable does.
func TestOutcomesAreCompared(t *testing.T) {
	l := newLab(t, 1, 3, durable)
	l.mayStop = true
	for id, n := range l.nodes {
		n.sums.every = 1
		d := l.op(5000, exactly(fail()), 0)
		if id == 1 {
			d = l.op(5000, exactly(), 0)
		}
		l.deliver(d, id+1)
	}
	l.pass(nil)
	if l.node(2).Err() == nil || l.node(1).Err() != nil {
		t.Fatal(l.node(1).Err(), l.node(2).Err())
	}
}

// [C3] A value that changed in memory since it was written is found by the
// checkpoint.
func TestDamagedMemoryIsFound(t *testing.T) {
	l := newLab(t, 1, 1, durable)
	x := l.key(colHash, 0, 0)
	l.deliver(l.op(5000, exactly(put(x)), 0), 1)
	l.node(1).state.find(x).value[0] ^= 1
	s := l.node(1).Checkpoint()
	s.Next(nil, 1<<20)
	if err := s.Err(); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	if items := s.Next(nil, 1<<20); len(items) > 0 {
		t.Fatal("goes on after an error")
	}
}

// [C7] is in TestForeignCheckpoints.

// [X4] The table comes back with what was promised to copies of a command under
// way: at its end they are answered.
func TestPromisedAnswersComeBack(t *testing.T) {
	l := newLab(t, 2, 2, durable)
	cmd := l.op(5000, exactly(get(l.key(colHash, 0, 0)), get(l.key(colHash, 1, 0))), 0, 1)
	again := cmd
	again.Position.T = 5001
	l.deliver(cmd, 1, 2, 3, 4)
	l.deliver(again, 1, 2, 3, 4)
	l.mail = nil
	for id := 1; id <= 4; id++ {
		var d disk
		l.save(id, &d)
		l.reborn(id, &d)
	}
	for range 5 {
		l.tick(testTuning().PullMax)
		l.pass(nil)
	}
	if l.expect("5000:ok 5000:ok"); l.by[0] == l.by[1] {
		t.Fatal("one replica answered twice")
	}
	again.Position.T = 5002
	l.deliver(again, 1, 2, 3, 4) // and nothing runs again
	l.expect("5000:ok 5000:ok 5000:ok 5000:ok")
}

// Positions that share a timestamp keep their order through a checkpoint.
func TestTiedPositionsInCheckpoint(t *testing.T) {
	l := newLab(t, 2, 1, durable)
	x := l.key(colHash, 0, 0)
	first, second := l.op(5000, exactly(update(x, doAdd), get(l.key(colHash, 1, 0))), 0, 1), l.op(5000, exactly(update(x, doClear)), 0, 1)
	first.Position.E, second.Position.E = 7, ids.All
	second.Command.Client = clientName(19)
	l.deliver(first, 1, 2)
	l.deliver(second, 1, 2)
	l.mail = nil
	var d disk
	l.save(1, &d)
	l.reborn(1, &d)
	for range 6 {
		l.tick(testTuning().PullMax)
		l.pass(nil)
	}
	if v := l.value(1, x); v != "" || l.node(1).Status().Unfinished != 0 {
		t.Fatalf("x is %q: %+v", v, l.node(1).Status())
	}
}

// Reads are in no checkpoint, and are refused when the replica is to be
// replaced.
func TestReadsAndCheckpoints(t *testing.T) {
	l := newLab(t, 2, 1, durable, func(c *Config) { c.Service.Commands[0].ReadOnly = true })
	r, x := l.node(1), l.key(colHash, 0, 0)
	read := func(number, ticket uint64) {
		arg := l.progs.add(exactly(get(x)))
		r.Read(l.now, clientName(1), ticket, &ReadRequest{Number: number, MapVersion: 3, Arg: arg})
	}
	cmd := l.op(5000, all(exactly(get(x), get(l.key(colHash, 1, 0)))), 0, 1) // waits
	l.deliver(cmd, 1)
	read(1, 1)
	read(2, 2)
	if st := r.Status(); st.Reads != 2 || st.Unfinished != 1 {
		t.Fatalf("%+v", st)
	}
	var d disk
	d.write(t, r.Checkpoint())
	n, err := restore(r.config, d.sorted(), d.sum)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if st := n.Status(); st.Reads != 0 || st.Unfinished != 1 {
		t.Fatalf("%+v", st)
	}
	r.Sends()
	r.RefuseReads()
	refused := make(map[uint64]int)
	count := func() {
		for _, s := range r.Sends() {
			if m, ok := s.Msg.(*ReadReply); ok && m.Outcome == OutcomeRefused {
				refused[m.Number]++
			} else if ok {
				t.Fatalf("%+v", m)
			}
		}
	}
	count()
	r.Step(l.now, 2, &Exchange{Tag: Tag{cmd.Position, cmd.Command, 1}, Signal: true, Vars: []Var{{Key: l.key(colHash, 1, 0)}}})
	count()
	if fmt.Sprint(refused) != "map[1:1 2:1]" || r.Status().Reads != 0 || r.reads.bytes != 0 {
		t.Fatalf("refused %v, %+v", refused, r.Status())
	}
}
