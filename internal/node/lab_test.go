package node

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// lab is a cluster of nodes in virtual time, a millisecond a step, with a
// network, disks and clients.
type lab struct {
	t       *testing.T
	rng     *rand.Rand
	now     time.Duration
	topo    *ridge.Topology
	service *partition.Service
	place   *oracle.Map
	procs   []*proc // by process - 1
	users   []*user
	mail    []parcel
	tune    func(*Config)
	durable bool
	loss    float64
	cut     map[ids.Process]bool // neither heard nor hears
	filter  func(from, to ids.Process, m wire.Message) wire.Message
	dead    map[ids.Process]bool // for good
}

type parcel struct {
	at   time.Duration
	from ids.Addr
	inc  ids.Incarnation
	to   ids.Addr
	kind wire.Kind
	body []byte
}

// proc is a process and its disk.
type proc struct {
	lab  *lab
	id   ids.Process
	part ids.Partition
	node *Node // nil while it is down
	life int
	err  error // what its node stopped with
	disk *disk
	inc  ids.Incarnation
	work []chore
	idle time.Duration // when the last job in order ends
	// what was delivered in which life: positions must ascend without gaps.
	finished map[ids.Position]ids.Command
}

// chore is disk work under way.
type chore struct {
	at time.Duration
	do func()
}

const (
	accounts = 64
	epoch    = hlc.Timestamp(1_700_000_000_000_000)
)

func accountKey(i int) partition.Key {
	return partition.Key{Name: string(binary.BigEndian.AppendUint64(nil, uint64(i)))}
}

// bulk begins an argument that names no account but a large variable, which is
// written once.
const bulk = 0xff

func bulkKey(i byte) partition.Key { return accountKey(1000 + int(i)) }

// labService adds one to each of the accounts that the argument names.
func labService() *partition.Service {
	access := func(arg []byte) (a partition.Access, _ error) {
		a.Exact = true
		if len(arg) > 0 && arg[0] == bulk {
			a.Items = append(a.Items, partition.Item{Key: bulkKey(arg[1]), Write: true})
			return a, nil
		}
		for _, k := range arg {
			a.Items = append(a.Items, partition.Item{Key: accountKey(int(k)), Write: true})
		}
		return a, nil
	}
	run := func(tx partition.Tx, arg []byte) ([]byte, error) {
		if len(arg) > 0 && arg[0] == bulk {
			tx.Put(bulkKey(arg[1]), make([]byte, 2000))
			return nil, nil
		}
		// Values depend on those of the other partitions, so that a value not
		// shipped, or shipped as of another time, shows.
		sum := uint64(0)
		var old []uint64
		for _, k := range arg {
			v, _ := tx.Get(accountKey(int(k)))
			n, mix := uint64(0), uint64(0)
			if len(v) >= 16 {
				n, mix = binary.LittleEndian.Uint64(v), binary.LittleEndian.Uint64(v[8:])
			}
			old = append(old, n)
			sum = sum*31 + mix + n
		}
		var out []byte
		for i, k := range arg {
			out = binary.LittleEndian.AppendUint64(out, old[i]+1)
			v := make([]byte, 200)
			binary.LittleEndian.PutUint64(v, old[i]+1)
			binary.LittleEndian.PutUint64(v[8:], sum+uint64(k))
			tx.Put(accountKey(int(k)), v)
		}
		return out, nil
	}
	return &partition.Service{
		Name: "lab", Collections: []partition.Collection{{Name: "accounts"}},
		Commands: []partition.CommandSpec{{Name: "add", Access: access, Run: run}},
	}
}

func newLab(t *testing.T, seed uint64, durable bool, partitions, replicas int, tune ...func(*Config)) *lab {
	l := &lab{t: t, rng: rand.New(rand.NewPCG(seed, 5)), durable: durable, service: labService(), cut: make(map[ids.Process]bool), dead: make(map[ids.Process]bool)}
	sets := make([][]ids.Process, partitions)
	for p := range sets {
		for i := range replicas {
			sets[p] = append(sets[p], ids.Process(1+p*replicas+i))
		}
	}
	l.topo = ridge.NewTopology(sets)
	l.place = oracle.New(1, partitions, l.service)
	l.tune = func(c *Config) {
		for _, f := range tune {
			f(c)
		}
	}
	for p := range sets {
		for _, id := range sets[p] {
			m := &proc{lab: l, id: id, part: ids.Partition(p), disk: newDisk(), inc: ids.Incarnation(l.rng.Uint64() | 1), finished: make(map[ids.Position]ids.Command)}
			l.procs = append(l.procs, m)
			m.start()
		}
	}
	t.Cleanup(func() {
		for _, m := range l.procs {
			if m.node != nil {
				m.node.Close()
			}
		}
	})
	return l
}

func (m *proc) config() Config {
	l := m.lab
	m.life++
	c := Config{
		Self: m.id, Incarnation: m.inc, Topology: l.topo, Service: l.service, Placement: l.place,
		Ridge: ridge.DefaultTuning(), Partition: partition.DefaultTuning(),
		Random:  rand.New(rand.NewPCG(uint64(m.inc), uint64(m.life))).Uint64,
		Observe: m.observe, Durable: l.durable, Life: uint64(m.inc) + uint64(m.life)<<32,
	}
	if l.durable && m.life > 1 {
		c.Recovered = m.disk.recover()
	}
	l.tune(&c)
	return c
}

// start starts the process from its disk.
func (m *proc) start() {
	m.lab.t.Helper()
	n, err := New(m.config())
	if err != nil {
		m.lab.t.Fatalf("process %d: %v", m.id, err)
	}
	m.node, m.err = n, nil
}

// crash ends the process; of what the disk was told some is lost that it had
// not acknowledged.
func (m *proc) crash() {
	if m.node != nil {
		m.node.Close()
		m.node, m.work = nil, nil
	}
	m.disk.crash(m.lab.rng)
}

// observe checks that all replicas of a partition finish the same commands at
// the same places.
func (m *proc) observe(e partition.Event) {
	if e.Kind != partition.EventFinished {
		return
	}
	for _, o := range m.lab.procs {
		if o.part == m.part {
			if c, ok := o.finished[e.Position]; ok && c != e.Command {
				m.lab.t.Errorf("process %d has %v at %v, process %d %v", m.id, e.Command, e.Position, o.id, c)
			}
		}
	}
	m.finished[e.Position] = e.Command
}

func (l *lab) clock() hlc.Now { return hlc.Now{Mono: l.now, Wall: epoch.Add(l.now)} }

func (l *lab) post(from ids.Addr, inc ids.Incarnation, to ids.Addr, m wire.Message) {
	if l.cut[from.Process] && from.Process != 0 || l.cut[to.Process] && to.Process != 0 || l.rng.Float64() < l.loss {
		return
	}
	if l.filter != nil {
		if m = l.filter(from.Process, to.Process, m); m == nil {
			return
		}
	}
	delay := time.Millisecond + time.Duration(l.rng.IntN(2))*time.Millisecond
	l.mail = append(l.mail, parcel{l.now + delay, from, inc, to, m.Kind(), m.Append(nil)})
}

// run lets time pass.
func (l *lab) run(d time.Duration) {
	l.t.Helper()
	l.until(d, func() bool { return false })
}

// until lets time pass until something holds, and says whether it does.
func (l *lab) until(most time.Duration, done func() bool) bool {
	l.t.Helper()
	for end := l.now + most; l.now < end && !l.t.Failed(); l.now += time.Millisecond {
		if done() {
			return true
		}
		l.step()
	}
	return done()
}

func (l *lab) step() {
	var rest []parcel
	mail := l.mail
	l.mail = nil
	for _, p := range mail {
		if p.at > l.now {
			rest = append(rest, p)
			continue
		}
		m, err := Decode(p.kind, p.body)
		if err != nil {
			l.t.Fatalf("kind %#x does not decode: %v", p.kind, err)
		}
		if to := p.to.Process; to == 0 {
			for _, u := range l.users {
				if u.id == p.to.Client {
					u.take(m)
				}
			}
		} else if n := l.procs[to-1].node; n != nil {
			n.Step(l.clock(), p.from, p.inc, m)
		}
	}
	l.mail = append(rest, l.mail...)
	for _, m := range l.procs {
		m.step()
	}
	for _, u := range l.users {
		u.step()
	}
}

func (m *proc) step() {
	l := m.lab
	if m.node == nil {
		return
	}
	work := m.work
	m.work = nil
	for _, c := range work {
		if c.at > l.now {
			m.work = append(m.work, c)
		} else {
			c.do()
		}
	}
	if m.node.Wake() <= l.now {
		m.node.Tick(l.clock())
	}
	for again := true; again && m.node != nil; {
		again = m.drain()
	}
}

// drain does what a driver does after a round of inputs.
func (m *proc) drain() (again bool) {
	l, n := m.lab, m.node
	var local []wire.Message
	for _, sends := range []func() []Send{n.Ordered, n.Sends} {
		for _, s := range sends() {
			if s.To.Process == m.id {
				local = append(local, s.Msg)
			} else {
				l.post(ids.To(m.id), m.inc, s.To, s.Msg)
			}
		}
	}
	for _, r := range n.Records() {
		m.disk.append(r)
	}
	for _, t := range n.Trims() {
		m.disk.trim(t)
	}
	m.sync()
	for _, j := range n.Jobs() {
		m.job(j)
	}
	if err := n.Err(); err != nil {
		m.err = err
		m.crash()
		return false
	}
	for _, msg := range local {
		n.Step(l.clock(), ids.To(m.id), m.inc, msg)
	}
	return len(local) > 0
}

func (m *proc) after(d time.Duration, do func()) {
	m.work = append(m.work, chore{m.lab.now + d, do})
}

// sync makes what was appended durable a while later.
func (m *proc) sync() {
	d := m.disk
	if d.syncing || d.durable == uint64(len(d.log)) {
		return
	}
	d.syncing = true
	upTo := uint64(len(d.log))
	m.after(time.Duration(1+m.lab.rng.IntN(3))*time.Millisecond, func() {
		d.syncing, d.durable = false, upTo
		m.node.Synced(upTo)
		m.node.Durable(m.lab.clock(), upTo-d.before)
	})
}

func (m *proc) job(j Job) {
	at := m.lab.now + time.Duration(1+m.lab.rng.IntN(10))*time.Millisecond
	if _, read := j.Work.(*Read); !read { // these may overtake
		at = max(at, m.idle+time.Millisecond)
		m.idle = at
	}
	m.after(at-m.lab.now, func() {
		m.node.JobDone(m.lab.clock(), j, m.disk.do(j))
	})
}

// settled says whether every user has been answered.
func (l *lab) settled() bool {
	for _, u := range l.users {
		if len(u.open) > 0 || u.left > 0 {
			return false
		}
	}
	return true
}

// finish has the users do the rest, and checks that the replicas of each
// partition hold the same, which is what was acknowledged, once.
func (l *lab) finish(most time.Duration) {
	l.t.Helper()
	if !l.until(most, l.settled) {
		l.describe()
		l.t.Fatalf("commands are unanswered at %v", l.now)
	}
	alike := func() bool { return l.compare() == "" }
	if !l.until(most, alike) {
		l.describe()
		l.t.Fatal(l.compare())
	}
	l.audit()
}

func (l *lab) describe() {
	for _, m := range l.procs {
		if m.node == nil {
			l.t.Logf("process %d: down, %v", m.id, m.err)
			continue
		}
		s := m.node.Status()
		l.t.Logf("process %d: %s, %+v, %+v, at %v, %d unfinished", m.id, s.State, s.Transfer, s.Durable, s.Replica.Position, s.Replica.Unfinished)
		for _, e := range s.Ridge.Ensembles {
			l.t.Logf("    %+v", e)
		}
	}
}

// compare says in what the replicas of a partition differ.
func (l *lab) compare() string {
	for p, replicas := range l.topo.Replicas {
		at, digest, first := ids.Position{}, uint64(0), ids.Process(0)
		for _, id := range replicas {
			m := l.procs[id-1]
			if l.dead[id] {
				continue
			}
			if m.node == nil {
				return fmt.Sprintf("process %d is down: %v", id, m.err)
			}
			pos, d, ok := m.node.Replica().Digest()
			if first == 0 {
				at, digest, first = pos, d, id
			}
			if !ok || pos != at || d != digest || m.node.receiver.active() {
				return fmt.Sprintf("partition %d: process %d is at %v with %x (%v, %s), process %d at %v with %x",
					p, id, pos, d, ok, m.node.Status().State, first, at, digest)
			}
		}
	}
	return ""
}

// audit: each command has added one to each of its accounts, once.
func (l *lab) audit() {
	l.t.Helper()
	var all [accounts][]uint64
	for _, u := range l.users {
		for i := range all {
			all[i] = append(all[i], u.done[i]...)
		}
	}
	for i, counts := range all {
		slices.Sort(counts)
		for j, n := range counts {
			if n != uint64(j+1) {
				l.t.Fatalf("account %d: the %d. command found it at %d", i, j+1, n-1)
			}
		}
	}
}
