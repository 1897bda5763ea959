package node

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// user is a client that repeats its commands until they are answered.
type user struct {
	lab  *lab
	id   ids.Client
	left int
	seq  ids.Sequence
	open []*call
	wide int                // the most accounts in a command
	done [accounts][]uint64 // what they became
	many int                // commands under way, at most
	bulk int                // commands left that write a large variable each; they come first
	last hlc.Timestamp
	// both counts commands with both replies, mistakes those in which they differ.
	both, mistakes int
	cast           bool // its commands go straight to the destinations, too
	soon           map[ids.Command]*optimistic.Reply
}

type call struct {
	m     *ridge.Message
	keys  []byte
	again time.Duration
	turn  int
	bulk  bool
}

func (l *lab) user(commands, wide, many int) *user {
	u := &user{lab: l, left: commands, wide: wide, many: many, soon: make(map[ids.Command]*optimistic.Reply)}
	binary.LittleEndian.PutUint64(u.id[:], l.rng.Uint64())
	binary.LittleEndian.PutUint64(u.id[8:], 1)
	l.users = append(l.users, u)
	return u
}

func (u *user) step() {
	l := u.lab
	for ; u.bulk > 0 && len(u.open) < u.many; u.bulk-- {
		u.order(&call{bulk: true, keys: []byte{bulk, byte(u.bulk)}}, u.lab.place.Owners(bulkKey(byte(u.bulk))))
	}
	for u.left > 0 && len(u.open) < u.many {
		u.left--
		u.submit()
	}
	for _, c := range u.open {
		if c.again <= l.now {
			c.again = l.now + 150*time.Millisecond
			e := l.topo.EnsembleFor(c.m.Dests)
			to := l.topo.Replicas[c.m.Dests[0]]
			if e == ids.All {
				for i := range l.topo.Ensembles {
					if l.topo.Ensembles[i].ID == e {
						to = l.topo.Ensembles[i].Acceptors
					}
				}
			}
			l.post(ids.ToClient(u.id), 0, ids.To(to[c.turn%len(to)]), &ridge.Propose{Ensemble: e, Message: c.m})
			c.turn++
		}
	}
}

func (u *user) submit() {
	l := u.lab
	keys := map[byte]bool{}
	for range 1 + l.rng.IntN(u.wide) {
		keys[byte(l.rng.IntN(accounts))] = true
	}
	c := &call{}
	dests := ids.Set{}
	for k := range byte(accounts) {
		if keys[k] {
			c.keys = append(c.keys, k)
			dests = dests.Union(l.place.Owners(accountKey(int(k))))
		}
	}
	u.order(c, dests)
}

// order begins a call.
func (u *user) order(c *call, dests ids.Set) {
	l := u.lab
	u.seq++
	c.turn = l.rng.IntN(3)
	mark := u.seq
	if len(u.open) > 0 {
		mark = u.open[0].m.Command.Sequence
	}
	u.last = max(u.last+1, l.clock().Wall)
	c.m = &ridge.Message{
		Command: ids.Command{Client: u.id, Sequence: u.seq}, Attempt: 1, T0: u.last, Mark: mark, Dests: dests,
		Body: partition.Request{MapVersion: 1, Optimistic: u.cast, Arg: c.keys}.Append(nil),
	}
	u.open = append(u.open, c)
	if u.cast {
		for _, p := range dests {
			for _, to := range l.topo.Replicas[p] {
				l.post(ids.ToClient(u.id), 0, ids.To(to), &ridge.Cast{Message: c.m})
			}
		}
	}
}

func (u *user) take(m wire.Message) {
	if early, ok := m.(*optimistic.Reply); ok {
		u.soon[early.Command] = early
		return
	}
	r, ok := m.(*partition.Reply)
	if !ok {
		return
	}
	if early := u.soon[r.Command]; early != nil && r.Attempt == early.Attempt {
		delete(u.soon, r.Command)
		if u.both++; !early.Agrees(r) {
			u.mistakes++
		}
	}
	i := slices.IndexFunc(u.open, func(c *call) bool { return c.m.Command == r.Command })
	if i < 0 {
		return
	}
	if r.Outcome != partition.OutcomeOK {
		u.lab.t.Fatalf("%v ended with %v %s", r.Command, r.Outcome, r.ErrorText)
	}
	for j, k := range u.open[i].keys {
		if u.open[i].bulk {
			break
		}
		u.done[k] = append(u.done[k], binary.LittleEndian.Uint64(r.Value[8*j:]))
	}
	u.open = slices.Delete(u.open, i, i+1)
}
