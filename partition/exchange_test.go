package partition

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// One replica of each partition speaks to each replica of the others.
func TestOneSpeaker(t *testing.T) {
	l := newLab(t, 2, 3)
	d := l.op(1000, exactly(get(l.key(colHash, 0, 0)), put(l.key(colHash, 1, 0))), 0, 1)
	l.deliver(d, 1, 2, 3)
	if n := len(l.mail); n != 3 {
		t.Fatalf("%d messages", n)
	}
	for _, x := range l.mail {
		if x.to != x.from+3 {
			t.Fatalf("%d -> %d", x.from, x.to)
		}
	}
	speaker := l.mail[0].from
	l.suspects[speaker] = true
	l.mail = nil
	d.Attempt, d.Position.T = 2, 1001
	l.deliver(d, 1, 2, 3)
	if l.sent(func(x letter) bool { return x.from != speaker }) != 3 {
		t.Fatal("nobody speaks in place of a suspected one")
	}
	l.suspects[speaker] = false
	for _, r := range l.nodes {
		r.config.Behind = func(p ids.Process) bool { return p == speaker }
	}
	l.mail = nil
	d.Attempt, d.Position.T = 3, 1002
	l.deliver(d, 1, 2, 3)
	if l.sent(func(x letter) bool { return x.from != speaker }) != 3 {
		t.Fatal("nobody speaks in place of one that is behind")
	}
}

// The pull is the guarantee: everything that was sent is lost, the speaker is
// gone, and every command still ends.
func TestPullIsTheGuarantee(t *testing.T) {
	l := newLab(t, 2, 2)
	d := l.op(1000, exactly(get(l.key(colHash, 0, 0)), get(l.key(colHash, 1, 0)), put(l.key(colHash, 1, 0))), 0, 1)
	l.deliver(d, 1, 2, 3, 4)
	dead := map[ids.Process]bool{l.mail[0].from: true}
	l.mail = nil
	for range 5 {
		l.tick(testTuning().PullMax)
		l.pass(func(x letter) bool { return !dead[x.from] && !dead[x.to] })
	}
	for id := ids.Process(1); id <= 4; id++ {
		if !dead[id] && len(l.finished[id]) != 1 {
			t.Fatalf("process %d has not finished", id)
		}
	}
}

// A question that comes before the command is remembered, and answered when
// there is something to say: no second question is needed.
func TestQuestionIsRemembered(t *testing.T) {
	l := newLab(t, 2, 2)
	a, b := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	d := l.op(1000, exactly(put(a), get(b)), 0, 1)
	l.deliver(d, 1, 2)
	l.mail = nil
	l.tick(testTuning().PullAfter)
	l.pass(nil)
	l.deliver(d, 3, 4)
	asked := map[ids.Process]bool{3: true, 4: true}
	l.mail = keepOnly(l.mail, func(x letter) bool { return asked[x.from] })
	// The speaker's messages are lost; the one that was asked answers.
	speaker := l.nodes[2].speaker(hash(d.Command))
	l.pass(func(x letter) bool { return x.from != speaker })
	if len(l.finished[1])+len(l.finished[2]) != 2 {
		t.Fatalf("%v %v", l.finished[1], l.finished[2])
	}
}

// How long a command waits before it asks follows what exchanges take, within
// bounds, so that load alone brings no questions about.
func TestPullsFollowTheExchanges(t *testing.T) {
	l := newLab(t, 2, 1)
	at := hlc.Timestamp(1000)
	n, after := l.nodes[0], testTuning().PullAfter
	exchange := func(took time.Duration) {
		at += 10
		l.deliver(l.op(at, exactly(put(l.key(colHash, 0, 0)), put(l.key(colHash, 1, 0))), 0, 1), 1, 2)
		l.now.Mono += took
		l.pass(nil)
	}
	for range 3 {
		exchange(after / 50)
	}
	if n.pullAfter() != after || n.counters.Finished != 3 {
		t.Fatalf("asks after %v, %d finished", n.pullAfter(), n.counters.Finished)
	}
	for range 5 * pullMemory {
		exchange(after)
	}
	if got := n.pullAfter(); got < 3*after || got > 4*after {
		t.Fatalf("asks after %v of exchanges that take %v", got, after)
	}
	for range 5 * pullMemory {
		exchange(100 * after)
	}
	if got := n.pullAfter(); got > testTuning().PullMax {
		t.Fatalf("asks after %v", got)
	}
}

func keepOnly(in []letter, keep func(letter) bool) (out []letter) {
	for _, x := range in {
		if keep(x) {
			out = append(out, x)
		}
	}
	return out
}

// R11: what comes early is kept up to a bound and then dropped; memory stays
// bounded whatever comes, and what was dropped is pulled.
func TestR11EarlyIsBounded(t *testing.T) {
	l := newLab(t, 2, 1, func(c *Config) { c.Tuning.MaxEarly = 10; c.Tuning.MaxEarlyBytes = 5000; c.Tuning.MaxQuestions = 7 })
	k := l.key(colHash, 1, 0)
	n := l.node(1)
	for i := range 1000 {
		tag := Tag{ids.Position{T: hlc.Timestamp(5000 - i), E: ids.All}, ids.Command{Client: clientName(1), Sequence: 1}, 1}
		n.Step(l.now, 2, &Exchange{Tag: tag, Signal: true, Vars: []Var{{k, true, make([]byte, i%900)}}})
		n.Step(l.now, 2, &Pull{tag})
		if y := &n.early; y.messages > 10 || y.bytes > 5000 || y.questions > 7 || y.byPosition.Len() > 17 {
			t.Fatalf("%d messages, %d bytes, %d questions, %d positions", y.messages, y.bytes, y.questions, y.byPosition.Len())
		}
	}
	if n.early.messages == 0 || n.Status().Counters.EarlyDrops == 0 {
		t.Fatal("nothing kept, or nothing dropped")
	}
	// The nearest positions win.
	if f, _ := n.early.byPosition.Min(); f.position.T != 4001 || len(f.exchanges) != 1 {
		t.Fatalf("%+v", f)
	}
	l.mayStop = true // the questions above were about nothing
	fresh := newLab(t, 2, 1, func(c *Config) { c.Tuning.MaxEarly = 1 })
	for i := range 5 {
		fresh.deliver(fresh.op(1000+hlc.Timestamp(i), exactly(get(k), put(fresh.key(colHash, 0, i))), 0, 1), 2)
	}
	fresh.pass(nil)
	for i := range 5 {
		fresh.deliver(fresh.op(1000+hlc.Timestamp(i), exactly(get(k), put(fresh.key(colHash, 0, i))), 0, 1), 1)
	}
	for range 3 {
		fresh.tick(testTuning().PullMax)
		fresh.pass(nil)
	}
	if len(fresh.finished[1]) != 5 || len(fresh.finished[2]) != 5 {
		t.Fatalf("%d and %d finished", len(fresh.finished[1]), len(fresh.finished[2]))
	}
}

// E7: destinations that disagree stop, both, and name the command, instead of
// waiting for ever.
func TestE7DisagreementStopsBothSides(t *testing.T) {
	for _, early := range []bool{false, true} {
		l := newLab(t, 2, 1)
		l.mayStop = true
		d := l.op(1000, exactly(put(l.key(colHash, 0, 0)), put(l.key(colHash, 1, 0))), 0, 1)
		l.deliver(d, 1)
		after := func() { l.deliver(l.op(1001, exactly(put(l.key(colHash, 1, 1))), 1), 2) }
		if !early {
			after()
		}
		l.pass(nil)
		l.tick(testTuning().PullAfter)
		l.pass(nil)
		if early {
			after() // the question came before the order had passed it
			l.pass(nil)
		}
		for id := 1; id <= 2; id++ {
			if err := l.node(id).Err(); !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), d.Command.String()) {
				t.Fatalf("early %v, process %d: %v", early, id, err)
			}
			if l.node(id).Ready() || l.node(id).Wake() != Never {
				t.Fatal("goes on")
			}
		}
	}
}

// The outbox: once there is no plenty of room, an entry goes when every
// unsuspected replica, and at least f+1, of the other destination has finished;
// a pull for it is then answered "gone".
func TestOutboxRetention(t *testing.T) {
	l := newLab(t, 2, 3, func(c *Config) { c.Tuning.MaxOutbox = patience - 1 })
	d := l.op(1000, exactly(put(l.key(colHash, 0, 0)), put(l.key(colHash, 1, 0))), 0, 1)
	slow := func(x letter) bool { return x.from != 6 && x.to != 6 }
	l.deliver(d, 1, 2, 3, 4, 5)
	l.pass(slow)
	l.tick(testTuning().ProgressEvery)
	l.pass(slow)
	if n := l.node(1).Status().Outbox; n != 1 {
		t.Fatalf("%d entries while process 6 has not finished", n)
	}
	l.suspects[6] = true
	l.tick(askFirst)
	l.pass(slow)
	if n := l.node(1).Status().Outbox; n != 0 {
		t.Fatalf("%d entries though f+1 have finished and 6 is suspected", n)
	}
	l.mayStop = true
	l.deliver(d, 6)
	for range 4 {
		l.tick(testTuning().PullMax)
		l.pass(nil)
	}
	if need, why := l.node(6).NeedState(); !need || !strings.Contains(why, "fallen behind") || l.node(6).Err() != nil {
		t.Fatalf("process 6: %v, %v", why, l.node(6).Err())
	}
	if l.node(1).Err() != nil {
		t.Fatal(l.node(1).Err())
	}
}

// Fewer than f+1 never suffice, whoever is suspected.
func TestOutboxNeedsAMajority(t *testing.T) {
	l := newLab(t, 2, 3)
	d := l.op(1000, exactly(put(l.key(colHash, 0, 0)), put(l.key(colHash, 1, 0))), 0, 1)
	l.suspects[5], l.suspects[6] = true, true
	l.deliver(d, 1, 2, 3, 4)
	for range 3 {
		l.pass(func(x letter) bool { return x.to < 5 })
		l.tick(askMost)
	}
	if n := l.node(1).Status().Outbox; n != 1 || len(l.finished[4]) != 1 {
		t.Fatalf("%d entries", n)
	}
}

// Progress is monotone: an older one changes nothing. It names what is
// unfinished below what is finished.
func TestProgress(t *testing.T) {
	l := newLab(t, 3, 1)
	stuck := l.op(1000, exactly(put(l.key(colHash, 0, 0)), put(l.key(colHash, 2, 0))), 0, 2)
	done := l.op(1001, exactly(put(l.key(colHash, 0, 1)), put(l.key(colHash, 1, 0))), 0, 1)
	l.deliver(stuck, 1)
	l.deliver(done, 1, 2)
	l.pass(nil)
	m := l.node(1).progress(2, false)
	if m.covers(stuck.Position) || !m.covers(done.Position) || m.covers(ids.Position{T: 1002}) {
		t.Fatalf("%+v", m)
	}
	l.tick(testTuning().ProgressEvery)
	l.pass(nil)
	if l.node(2).Status().Outbox != 0 {
		t.Fatal("a finished entry is kept because of an unfinished one before it")
	}
	l.node(2).Step(l.now, 1, &Progress{Below: ids.Position{T: 5}})
	if got := l.node(2).outbox.finished[0][0]; got.Below != m.Below {
		t.Fatalf("%+v", got)
	}
}

// Nothing is sent when idle, and Wake says so.
func TestIdleIsSilent(t *testing.T) {
	l := newLab(t, 2, 3)
	for i := range 20 {
		d := l.op(1000+hlc.Timestamp(i), exactly(put(l.key(colHash, 0, i)), get(l.key(colHash, 1, i))), 0, 1)
		l.deliver(d, 1, 2, 3, 4, 5, 6)
		l.pass(nil)
	}
	for range 3 {
		l.tick(testTuning().ProgressEvery)
		l.pass(nil)
	}
	for i, n := range l.nodes {
		if n.Wake() != Never || n.Status().Outbox != 0 {
			t.Fatalf("process %d: wake %v, %+v", i+1, n.Wake(), n.Status())
		}
	}
}

// Queues fill and Ready says so; what empties them makes it ready again.
func TestReady(t *testing.T) {
	l := newLab(t, 2, 1, func(c *Config) { c.Tuning.MaxUnfinished = 3; c.Tuning.MaxOutbox = 5 })
	var ds []Delivery
	for i := range 6 {
		ds = append(ds, l.op(1000+hlc.Timestamp(i), exactly(put(l.key(colHash, 0, i)), put(l.key(colHash, 1, i))), 0, 1))
	}
	for i, d := range ds[:3] {
		if !l.node(1).Ready() {
			t.Fatalf("not ready for the %d-th", i)
		}
		l.deliver(d, 1)
	}
	if l.node(1).Ready() {
		t.Fatal("ready with a full queue")
	}
	for _, d := range ds[:3] {
		l.deliver(d, 2)
	}
	l.pass(nil)
	for _, d := range ds[3:5] {
		l.deliver(d, 1, 2)
		l.pass(nil)
	}
	if l.node(1).Ready() {
		t.Fatal("ready with a full outbox")
	}
	l.tick(testTuning().ProgressEvery)
	l.pass(nil)
	if !l.node(1).Ready() {
		t.Fatal("not ready again")
	}
}

// User code cannot keep a coroutine: whatever it recovers, Close ends it.
func TestCloseStopsCoroutines(t *testing.T) {
	l := newLab(t, 2, 1)
	ended := 0
	l.node(1).service.Commands[0].Run = func(tx Tx, _ []byte) ([]byte, error) {
		defer func() { ended++ }()
		func() {
			defer func() { recover() }()
			tx.Get(l.key(colHash, 1, 0))
		}()
		tx.Put(l.key(colHash, 0, 0), nil)
		return nil, nil
	}
	for i := range 5 {
		l.deliver(l.op(1000+hlc.Timestamp(i), exactly(get(l.key(colHash, 1, 0)), put(l.key(colHash, 0, i))), 0, 1), 1)
	}
	if n := l.node(1).Status().Counters.Waits; n != 5 {
		t.Fatalf("%d wait", n)
	}
	l.node(1).Close()
	l.node(1).Close()
	if ended != 5 {
		t.Fatalf("%d ended", ended)
	}
}

// Coroutines are reused, and a command without remote values has none.
func TestCoroutinesAreReused(t *testing.T) {
	l := newLab(t, 2, 1)
	for i := range 20 {
		d := l.op(1000+hlc.Timestamp(i), exactly(get(l.key(colHash, 1, 0)), put(l.key(colHash, 0, 0))), 0, 1)
		l.deliver(d, 1, 2)
		l.pass(nil)
	}
	if n := len(l.node(1).workers); n != 1 {
		t.Fatalf("%d coroutines", n)
	}
	l = newLab(t, 2, 1)
	k := l.key(colEverywhere, 0, 0)
	d := l.op(1000, exactly(get(k), put(k)), 0, 1)
	l.deliver(d, 1, 2)
	l.pass(nil)
	if n := len(l.node(1).workers); n != 0 || l.answers() != "1000:ok" {
		t.Fatalf("%d coroutines, %s", n, l.answers())
	}
}

// Messages from outside may be anything: nothing panics, nothing grows, and
// no command that waits is harmed by nonsense about others.
func TestNonsense(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	l := newLab(t, 2, 1)
	a, b := l.key(colHash, 0, 0), l.key(colHash, 1, 0)
	d := l.op(1000, exactly(put(a), get(b)), 0, 1)
	l.deliver(d, 1)
	good := Tag{d.Position, d.Command, 1}
	n := l.node(1)
	for range 5000 {
		tag := good
		switch rng.IntN(4) {
		case 0:
			tag.Position.T = hlc.Timestamp(rng.Int64())
		case 1:
			tag.Command.Sequence++
		case 2:
			tag.Attempt++
		}
		name := string([]byte{byte('a' + rng.IntN(26))})
		vars := []Var{{Key{uint16(rng.IntN(9)), name}, true, nil}, {a, true, []byte("wrong side")}}
		part := Part{Range: Range{Collection: uint16(rng.IntN(9)), Lo: "b", Hi: "y"}, Cut: rng.IntN(2) == 0}
		for range rng.IntN(3) {
			part.Items = append(part.Items, PartItem{string([]byte{byte('a' + rng.IntN(26))}), nil})
		}
		for _, m := range []wire.Message{
			&Exchange{Tag: tag, Vars: vars, Parts: []Part{part}},
			&Answer{tag, AnswerNotYet, ids.Position{}},
			&Progress{Below: ids.Position{T: hlc.Timestamp(rng.IntN(900))}, Except: []ids.Position{{T: hlc.Timestamp(rng.IntN(2000))}}},
			&Check{tag, rng.Uint64()},
			&Reply{}, nil,
		} {
			n.Step(l.now, ids.Process(rng.IntN(4)), m)
		}
		n.Step(l.now, ids.Process(3), &Pull{tag})
	}
	n.Sends()
	if n.Err() != nil || n.heldBytes > 1<<20 || n.early.bytes > testTuning().MaxEarlyBytes {
		t.Fatalf("%v, %d, %d", n.Err(), n.heldBytes, n.early.bytes)
	}
	if n.queue.find(d.Position).in.peers[0].find(a) != nil {
		t.Fatal("took a value from a partition that does not hold it")
	}
	if n.Status().Counters.Invalid == 0 {
		t.Fatal("nothing counted")
	}
	l.deliver(d, 2)
	l.pass(nil)
	l.tick(time.Second)
	l.pass(nil)
	if len(l.finished[1]) != 1 {
		t.Fatal("has not finished")
	}
}

// A full outbox recovers even if all that could empty it were suspected when
// it asked, and what they had told was lost.
func TestFullOutboxAsksAgain(t *testing.T) {
	l := newLab(t, 2, 3, func(c *Config) { c.Tuning.MaxOutbox = 2 })
	for i := range 2 {
		l.deliver(l.op(1000+hlc.Timestamp(i), exactly(put(l.key(colHash, 0, i)), put(l.key(colHash, 1, i))), 0, 1), 1, 2, 3, 4, 5, 6)
		l.pass(nil)
	}
	l.suspects = map[ids.Process]bool{4: true, 5: true, 6: true}
	for range 4 { // what they tell is lost
		l.tick(askMost)
		l.pass(func(x letter) bool { return x.from < 4 })
	}
	if l.node(1).Ready() {
		t.Fatal("ready with a full outbox")
	}
	l.suspects = nil
	for range 2 {
		l.tick(askMost)
		l.pass(nil)
	}
	if n := l.node(1).Status().Outbox; n != 0 || !l.node(1).Ready() {
		t.Fatalf("%d entries", n)
	}
}

// A replica that is not in the chain may be slow for a while before anybody knows:
// commands of several partitions are answered by the one that learned first of the
// order of the partition's own.
func TestNearestAnswersForSeveral(t *testing.T) {
	l := newLab(t, 2, 3)
	for i, id := range []ids.Process{2, 5} {
		d := l.op(hlc.Timestamp(1000+i), exactly(get(l.key(colHash, ids.Partition(i), 0))), ids.Partition(i))
		d.Nearest = id
		l.deliver(d, 1+3*i, 2+3*i, 3+3*i)
	}
	for i := range 20 {
		d := l.op(hlc.Timestamp(2000+i), exactly(get(l.key(colHash, 0, 0)), get(l.key(colHash, 1, 0))), 0, 1)
		d.Nearest = 2 // in the chain of the ensemble of all
		l.replies, l.by = nil, nil
		l.deliver(d, 1, 2, 3, 4, 5, 6)
		l.pass(nil)
		if len(l.by) != 1 || l.by[0] != 2 && l.by[0] != 5 {
			t.Fatalf("answered by %v", l.by)
		}
	}
	for _, r := range l.nodes {
		r.config.Behind = func(p ids.Process) bool { return p == 5 && r.config.Self != 5 }
	}
	for i := range 20 {
		d := l.op(hlc.Timestamp(3000+i), exactly(get(l.key(colHash, 0, 0)), get(l.key(colHash, 1, 0))), 0, 1)
		d.Nearest = 2
		l.replies, l.by = nil, nil
		l.deliver(d, 1, 2, 3, 4, 5, 6)
		l.pass(nil)
		if !slices.ContainsFunc(l.by, func(p ids.Process) bool { return p != 5 }) {
			t.Fatalf("answered by %v, with 5 behind", l.by)
		}
	}
}

// Who was beside the last acceptor is not known to all: to none who has started
// since, for one. What they differ in ends soon, though no command of the partition
// alone comes any more; else clients would ask again each time.
func TestNearestIsForgotten(t *testing.T) {
	l := newLab(t, 2, 3)
	d := l.op(1000, exactly(get(l.key(colHash, 1, 0))), 1)
	l.deliver(d, 5) // has it from another's log
	d.Nearest = 5
	l.deliver(d, 4, 6)
	for i := range 20 {
		d := l.op(hlc.Timestamp(1001+i).Add(nearFor), exactly(get(l.key(colHash, 0, 0)), get(l.key(colHash, 1, 0))), 0, 1)
		d.Nearest = 2
		l.replies, l.by = nil, nil
		l.deliver(d, 1, 2, 3, 4, 5, 6)
		l.pass(nil)
		if len(l.by) != 1 {
			t.Fatalf("command %d is answered by %v", i, l.by)
		}
	}
}
