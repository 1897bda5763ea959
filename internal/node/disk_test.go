package node

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// disk is a process's disk: a journal and checkpoints. What was not durable at
// a crash may be lost.
type disk struct {
	log     []ridge.Record // all that was appended, in order
	trimmed map[ids.Ensemble]ids.Instance
	durable uint64 // of log
	before  uint64 // of log, when this life started
	syncing bool

	checkpoints []*stored // in order of number
	partial     *stored   // being installed
	full        int       // so many writes find no room
}

type stored struct {
	manifest []byte
	number   uint64
	items    map[string][]byte
}

func newDisk() *disk { return &disk{trimmed: make(map[ids.Ensemble]ids.Instance)} }

func (d *disk) append(r ridge.Record) {
	body := bytes.Clone(r.Bytes())
	if body == nil {
		body = []byte{}
	}
	d.log = append(d.log, ridge.Record{Ensemble: r.Ensemble, Instance: r.Instance, Body: [][]byte{body}})
}

func (d *disk) trim(t ridge.Trim) { d.trimmed[t.Ensemble] = max(d.trimmed[t.Ensemble], t.UpTo) }

// crash loses some of what was not durable, from the end.
func (d *disk) crash(rng *rand.Rand) {
	keep := d.durable + uint64(rng.IntN(int(uint64(len(d.log))-d.durable)+1))
	d.log, d.durable, d.syncing = d.log[:keep], keep, false
}

// recover is what a start finds: the last record of each instance, if it is not
// trimmed.
func (d *disk) recover() *Recovered {
	type place struct {
		e ids.Ensemble
		k ids.Instance
	}
	last := make(map[place]int)
	for i, r := range d.log {
		last[place{r.Ensemble, r.Instance}] = i
	}
	out := &Recovered{Sequence: uint64(len(d.log))}
	for i, r := range d.log {
		if last[place{r.Ensemble, r.Instance}] == i && (r.Instance == 0 || r.Instance > d.trimmed[r.Ensemble]) {
			out.Records = append(out.Records, r)
		}
	}
	d.before = uint64(len(d.log))
	for _, s := range slices.Backward(d.checkpoints) {
		m, err := DecodeManifest(s.manifest)
		if err != nil {
			continue
		}
		out.Checkpoints = append(out.Checkpoints, Saved{Manifest: m, Items: func(add func([]partition.StateItem) error) error {
			items, _ := s.from(nil, 1<<30)
			return add(items)
		}})
	}
	return out
}

// from lists items above a key.
func (s *stored) from(after []byte, size int) (items []partition.StateItem, end bool) {
	var keys []string
	for k := range s.items {
		if k > string(after) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for i, k := range keys {
		items = append(items, partition.StateItem{Key: []byte(k), Value: s.items[k], Gone: s.items[k] == nil})
		if size -= len(k) + len(s.items[k]); size <= 0 {
			return items, i == len(keys)-1
		}
	}
	return items, true
}

// since has what s has otherwise than base; nil stands for what is gone.
func (s *stored) since(base *stored) *stored {
	if base == nil {
		return nil
	}
	out := &stored{items: make(map[string][]byte)}
	for k, v := range s.items {
		if old, had := base.items[k]; !had || !bytes.Equal(old, v) {
			out.items[k] = v
		}
	}
	for k := range base.items {
		if _, has := s.items[k]; !has {
			out.items[k] = nil
		}
	}
	return out
}

func (d *disk) find(number uint64) *stored {
	for _, s := range d.checkpoints {
		if s.number == number {
			return s
		}
	}
	return nil
}

func (d *disk) keep(s *stored, low uint64) {
	d.checkpoints = append(d.checkpoints, s)
	d.checkpoints = slices.DeleteFunc(d.checkpoints, func(s *stored) bool { return s.number < low })
}

// do does a job. It is called when the job is through.
func (d *disk) do(j Job) (r Result) {
	switch w := j.Work.(type) {
	case *Write:
		if d.full > 0 {
			d.full--
			return Result{Full: true}
		}
		s := &stored{number: w.Manifest.Number, items: make(map[string][]byte)}
		if base := d.find(w.Base); base != nil {
			for k, v := range base.items {
				s.items[k] = v
			}
		} else if w.Base != 0 {
			return Result{Err: errors.New("the base is gone")}
		}
		for items := w.Snapshot.Next(nil, 1000); len(items) > 0; items = w.Snapshot.Next(items[:0], 1000) {
			for _, it := range items {
				if it.Gone {
					delete(s.items, string(it.Key))
				} else {
					s.items[string(it.Key)] = append([]byte{}, it.Value...)
				}
			}
		}
		s.manifest = w.Seal()
		if sum := w.Manifest.Sum; sum.Count != uint64(len(s.items)) {
			return Result{Err: errors.New("the checkpoint's sum does not fit its items")}
		}
		d.keep(s, w.Keep)
	case *Read:
		s := d.find(w.Number)
		if s == nil {
			return Result{Err: errors.New("no such checkpoint")}
		}
		if w.Base != 0 {
			if s = s.since(d.find(w.Base)); s == nil {
				return Result{Err: errors.New("no such base")}
			}
		}
		r.Items, r.End = s.from(w.After, w.Bytes)
	case *Install:
		if w.First {
			d.partial = &stored{number: w.Number, items: make(map[string][]byte)}
		}
		if d.partial == nil || d.partial.number != w.Number {
			return Result{Err: errors.New("installed into nothing")}
		}
		for _, it := range w.Items {
			if delete(d.partial.items, string(it.Key)); !it.Gone {
				d.partial.items[string(it.Key)] = append([]byte{}, it.Value...)
			}
		}
	case *Commit:
		s := d.partial
		if s == nil || s.number != w.Manifest.Number {
			return Result{Err: errors.New("nothing to commit")}
		}
		d.partial = nil
		s.manifest = w.Manifest.Append(nil)
		d.keep(s, s.number)
	}
	return r
}
