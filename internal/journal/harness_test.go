package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

var testID = ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

var small = Options{SegmentSize: 4096, Keep: 3, FrontierEvery: 3}

type name struct {
	ensemble uint32
	instance uint64
}

// model is what the journal must hold: what was appended, by sequence, and up
// to which it was acknowledged. The states of the ensembles are trim marks.
type model struct {
	j     *Journal
	fs    vfs.FS
	now   time.Duration
	all   map[uint64]Record // what the caller appended
	acked uint64
	mix   *rand.Rand // when set, chores run beside batches, in any order
	last  map[uint32]uint64
}

func newModel(t testing.TB, fs vfs.FS, opts Options) *model {
	t.Helper()
	m := &model{fs: fs, all: map[uint64]Record{}, last: map[uint32]uint64{}}
	if err := Create(fs, "j", testID); err != nil {
		t.Fatal(err)
	}
	if err := m.open(opts); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *model) open(opts Options) (err error) {
	m.j, err = Open(m.fs, "j", testID, opts, func(Record) error { return nil })
	return err
}

func (m *model) append(ensemble uint32, instance uint64, body []byte) {
	seq := m.j.Append(ensemble, instance, body[:len(body)/2], body[len(body)/2:])
	if seq != 0 {
		m.all[seq] = Record{Seq: seq, Ensemble: ensemble, Instance: instance, Body: bytes.Clone(body)}
	}
}

func (m *model) commit() error {
	both := []*Batch{m.j.Take()}
	if m.mix != nil && m.mix.IntN(2) == 0 {
		m.now++
		both = append(both, m.j.Upkeep(m.now))
	}
	for range 2 { // commit in any order, then Done in any order
		if m.mix != nil {
			m.mix.Shuffle(len(both), func(i, k int) { both[i], both[k] = both[k], both[i] })
		}
		for _, b := range both {
			if b == nil {
				continue
			}
			if b.state == taken {
				if err := b.Commit(); err != nil {
					m.j.Done(b)
					return err
				}
				continue
			}
			durable, err := m.j.Done(b)
			if err != nil {
				return err
			}
			m.acked = durable
		}
	}
	return nil
}

func (m *model) upkeep() error {
	for range 20 {
		m.now++
		u := m.j.Upkeep(m.now)
		if u == nil {
			return nil
		}
		err := u.Commit()
		if _, derr := m.j.Done(u); derr != nil {
			return derr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *model) trim(ensemble uint32, upTo uint64) {
	m.append(ensemble, 0, binary.LittleEndian.AppendUint64(nil, upTo))
	m.j.Trim(ensemble, upTo)
}

// verify opens the journal anew and compares. Every acknowledged record that
// is the newest of its name must come back, or one that was appended later;
// nothing else may. An error of Open is returned.
func (m *model) verify(fs vfs.FS, opts Options) error {
	got := map[name]Record{}
	last := uint64(0)
	j, err := Open(fs, "j", testID, opts, func(r Record) error {
		n := name{r.Ensemble, r.Instance}
		if r.Seq <= last {
			return fmt.Errorf("sequence %d after %d", r.Seq, last)
		}
		if _, twice := got[n]; twice {
			return fmt.Errorf("%v twice", n)
		}
		last = r.Seq
		r.Body = bytes.Clone(r.Body)
		got[n] = r
		return nil
	})
	if err != nil {
		return err
	}
	if err := m.compare(got); err != nil {
		return fmt.Errorf("acked %d: %w", m.acked, err)
	}
	if j.Durable() < m.acked {
		return fmt.Errorf("durable %d, acked %d", j.Durable(), m.acked)
	}
	return j.Close()
}

func (m *model) compare(got map[name]Record) error {
	trimmed := map[uint32]uint64{}
	for n, r := range got {
		if n.instance == 0 && len(r.Body) == 8 {
			trimmed[n.ensemble] = binary.LittleEndian.Uint64(r.Body)
		}
	}
	newest := map[name]uint64{} // acknowledged
	versions := map[name][]Record{}
	for seq, r := range m.all {
		n := name{r.Ensemble, r.Instance}
		versions[n] = append(versions[n], r)
		if seq <= m.acked {
			newest[n] = max(newest[n], seq)
		}
	}
	for n, seq := range newest {
		if _, ok := got[n]; !ok && (n.instance == 0 || n.instance > trimmed[n.ensemble]) {
			return fmt.Errorf("%v is gone; sequence %d was durable", n, seq)
		}
	}
	for n, r := range got {
		known := n.instance != 0 && n.instance <= trimmed[n.ensemble] && len(versions[n]) > 0
		for _, v := range versions[n] {
			known = known || v.Seq >= newest[n] && bytes.Equal(v.Body, r.Body)
		}
		if !known {
			return fmt.Errorf("%v came back as sequence %d with an old or unknown body", n, r.Seq)
		}
	}
	return nil
}

// body makes bytes of all sorts, zeros not the least.
func body(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	if rng.IntN(3) > 0 {
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
	} else if n > 0 {
		b[rng.IntN(n)] = 1
	}
	return b
}

// script runs appends, commits, upkeep, trims and copies until it fails.
func (m *model) script(seed uint64, steps int) error {
	rng := rand.New(rand.NewPCG(seed, 0))
	if m.j.Durable() == 0 {
		m.append(9, 0, []byte("idle state"))
		m.append(9, 1, []byte("idle vote"))
	}
	instance := m.last
	for range steps {
		for range 1 + rng.IntN(4) {
			e := rng.Uint32N(2)
			instance[e]++
			size := rng.IntN(300)
			switch rng.IntN(12) {
			case 0:
				size = 1000 + rng.IntN(1500)
			case 1:
				if instance[e] > 2 { // a later vote for the same
					m.append(e, instance[e]-1, body(rng, size))
				}
			}
			m.append(e, instance[e], body(rng, size))
		}
		if rng.IntN(3) == 0 {
			e := rng.Uint32N(2)
			m.trim(e, instance[e]-min(instance[e], 3))
		}
		if err := m.commit(); err != nil {
			return err
		}
		if err := m.upkeep(); err != nil {
			return err
		}
	}
	return nil
}
