package simtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/store"
	"github.com/eyrie-dev/eyrie/internal/vfs"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Disks is how a run's disks are; the zero value: there are none, processes are
// memory-only.
type Disks struct {
	Durable bool
	// Sync is about how long a sync takes, Job a step of a checkpoint.
	Sync, Job time.Duration
	Journal   journal.Options
	// Early: records are journalled before what is to be sent leaves; otherwise
	// after it.
	Early bool
	Storm Storm
}

// disk is what outlives a process: its journal and its checkpoints.
type disk struct {
	c     *cluster
	rand  *rand.Rand
	fs    *vfs.Mem
	store *store.Mem
	id    journal.ID
	inc   ids.Incarnation
	slow  int  // so many times slower than others
	full  bool // what its process is told
	tight bool // the journal has no room
	// spoiled: the disk has lost or altered what it had acknowledged. Its process
	// may end with an explanation, and is then down for good.
	spoiled string
	// lied: syncs that did nothing were acknowledged. What a journal whose end
	// was never written cannot notice is not held against it.
	lied bool
	// ghost is the disk that this empty one has replaced.
	ghost *disk
	dead  error         // why the process will not start again
	due   time.Duration // when it starts again

	// acked is what the newest durable record of each instance says, from low on;
	// covers is how far, by ensemble, durable checkpoints reach.
	acked  map[ids.Ensemble]*votes
	covers map[ids.Ensemble]ids.Instance
	told   map[ids.Ensemble]*told
	// newest and older are where the two checkpoints are; others may have been told
	// that nothing up to older, or up to stable in an ensemble, is needed again.
	newest, older ids.Position
	stable        map[ids.Ensemble]ids.Instance
	stats         diskStats
}

// votes are an acceptor's durable votes and promise in an ensemble; state is the
// promise.
type votes struct {
	state ridge.Claim
	at    map[ids.Instance]ridge.Claim
	low   ids.Instance // all below are trimmed
}

// diskStats count what happened to a disk.
type diskStats struct {
	Unsynced, Torn, Cut, Restarts, Restored, Damaged, Replayed, Checkpoints, Full, Waits, Trims, Errors, Refused, Unnoticed uint64
}

func (c *cluster) newDisk(p ids.Process) (*disk, error) {
	d := &disk{c: c, rand: rand.New(rand.NewPCG(c.seed, 0x6469736b<<16|uint64(p))), slow: 1}
	return d, d.format()
}

// format makes an empty disk for a process without a memory.
func (d *disk) format() error {
	d.fs, d.store = vfs.NewMem(), store.NewMem()
	d.inc = ids.Incarnation(d.rand.Uint64() | 1)
	binary.LittleEndian.PutUint64(d.id[:], d.rand.Uint64())
	d.acked, d.covers, d.told = map[ids.Ensemble]*votes{}, map[ids.Ensemble]ids.Instance{}, map[ids.Ensemble]*told{}
	return journal.Create(d.fs, "journal", d.id)
}

func (d *disk) votes(e ids.Ensemble) *votes {
	v := d.acked[e]
	if v == nil {
		v = newVotes()
		d.acked[e] = v
	}
	return v
}

func newVotes() *votes { return &votes{at: map[ids.Instance]ridge.Claim{}, low: 1} }

// note takes what a durable record says. A vote promises its round.
func (v *votes) note(c ridge.Claim) {
	if v.state.Round.Less(c.Round) {
		v.state.Round = c.Round
	}
	if c.Instance >= v.low {
		v.at[c.Instance] = c
	}
}

// told is what an acceptor has told of itself in an ensemble, in all its lives.
type told struct {
	promised ridge.Round
	votes    map[ids.Instance]ridge.Round
	// began has the rounds begun, and in which life.
	began map[ridge.Round]int
}

func (d *disk) toldOf(e ids.Ensemble) *told {
	t := d.told[e]
	if t == nil {
		t = &told{votes: map[ids.Instance]ridge.Round{}, began: map[ridge.Round]int{}}
		d.told[e] = t
	}
	return t
}

func (v *votes) trim(upTo ids.Instance) {
	if ids.Instance(len(v.at)) < upTo-v.low {
		for k := range v.at {
			if k <= upTo {
				delete(v.at, k)
			}
		}
		v.low = max(v.low, upTo+1)
	}
	for ; v.low <= upTo; v.low++ {
		delete(v.at, v.low)
	}
}

// took is about how long an operation on the disk takes now.
func (d *disk) took(mean time.Duration) time.Duration {
	return time.Duration(d.slow) * (mean/2 + time.Duration(d.rand.Int64N(int64(mean)+1)))
}

// errTorn: the power went while the journal was being opened.
var errTorn = errors.New("the power went during the recovery")

// open reads what a start finds.
func (d *disk) open() (*journal.Journal, *node.Recovered, error) {
	found := &node.Recovered{}
	back := map[ids.Ensemble]*votes{}
	if d.c.world != nil && d.c.world.Now() > 0 && d.rand.IntN(4) == 0 {
		d.fs.StopAfter(d.rand.IntN(12))
	}
	j, err := journal.Open(d.fs, "journal", d.id, d.c.shape.Disks.Journal, func(r journal.Record) error {
		rec := ridge.Record{Ensemble: ids.Ensemble(r.Ensemble), Instance: ids.Instance(r.Instance), Body: [][]byte{append([]byte(nil), r.Body...)}}
		found.Records = append(found.Records, rec)
		if claim, ok := rec.Claim(); ok && rec.Ensemble != node.Own {
			v := back[rec.Ensemble]
			if v == nil {
				v = newVotes()
				back[rec.Ensemble] = v
			}
			v.note(claim)
		} else if rec.Ensemble != node.Own {
			return fmt.Errorf("a record of ensemble %d instance %d that cannot be read", rec.Ensemble, rec.Instance)
		}
		return nil
	})
	if errors.Is(err, vfs.ErrStopped) {
		d.stats.Cut++
		return nil, nil, errTorn
	}
	if err != nil {
		return nil, nil, err
	}
	d.fs.Hook(nil)
	found.Sequence = j.Durable()
	d.stats.Replayed += uint64(len(found.Records))
	if err := d.compare(back); err != nil {
		return nil, nil, err
	}
	for _, c := range d.store.Newest() {
		m, err := node.DecodeManifest(c.Manifest)
		if err != nil {
			return nil, nil, fmt.Errorf("durability: a manifest is not what was written: %w", err)
		}
		found.Checkpoints = append(found.Checkpoints, node.Saved{Manifest: m, Items: func(add func([]partition.StateItem) error) error {
			return d.store.Load(m.Number, add)
		}})
	}
	return j, found, nil
}

// lostRecords: what was acknowledged is not there.
type lostRecords struct{ text string }

func (l *lostRecords) Error() string { return "durability: " + l.text }

// compare compares what the journal shows with what was acknowledged: all of it
// comes back, or something newer. From then on that counts, all of it is durable.
func (d *disk) compare(back map[ids.Ensemble]*votes) error {
	for e, had := range d.acked {
		has := back[e]
		if has == nil {
			if len(had.at) > 0 || !had.state.Round.IsZero() {
				return &lostRecords{fmt.Sprintf("nothing is left of ensemble %d", e)}
			}
			continue
		}
		if has.state.Round.Less(had.state.Round) {
			return &lostRecords{fmt.Sprintf("ensemble %d has promised %+v, and comes back with %+v", e, had.state.Round, has.state.Round)}
		}
		for k, was := range had.at {
			if is, ok := has.at[k]; !ok || is.Round.Less(was.Round) || is.Round == was.Round && is.ID != was.ID && !is.Decided {
				return &lostRecords{fmt.Sprintf("the vote %+v comes back as %+v (%v)", was, is, ok)}
			}
		}
	}
	for e, had := range d.acked {
		if back[e] == nil {
			back[e] = newVotes()
		}
		back[e].trim(had.low - 1)
	}
	d.acked = back
	return nil
}

// end ends the process, or the whole machine. What was being written is there,
// in part or not at all.
func (d *disk) end(v *driver, power bool) {
	if v != nil {
		for _, b := range []*journal.Batch{v.batch, v.chore} {
			switch d.rand.IntN(4) {
			case 0:
			case 1:
				if b != nil {
					b.Commit()
				}
			default:
				if b != nil {
					d.stats.Torn++
					d.fs.StopAfter(d.rand.IntN(4))
					b.Commit()
					d.fs.Hook(nil)
				}
			}
		}
		v.finishWriting(d.rand.IntN(2) == 0)
	}
	d.store.Crash()
	if !power {
		d.fs.Kill()
		return
	}
	d.stats.Unsynced++
	keep := d.rand.IntN(4)
	d.fs.Crash(func(n int) int {
		switch keep {
		case 0:
			return 0
		case 1:
			return n - 1
		}
		return d.rand.IntN(n)
	})
}
