package simtest

import (
	"errors"
	"maps"

	"github.com/eyrie-dev/eyrie/internal/node"
)

// errNotBegun: a checkpoint's last part found no room after it had been given.
// The core has given the transfer up by then.
var errNotBegun = errors.New("a checkpoint that was not begun")

// beginWrite opens a checkpoint. If what it builds on is not the store's newest,
// which then did not verify, that is written again.
func (v *driver) beginWrite(w *node.Write) (err error) {
	newest := uint64(0)
	if kept := v.d.store.Newest(); len(kept) > 0 {
		newest = kept[0].Number
	}
	v.number = w.Manifest.Number
	if v.writer, err = v.d.store.Begin(v.number, w.Base == 0 || w.Base != newest); err != nil {
		return err
	}
	if w.Base != 0 && w.Base != newest {
		return v.d.store.Load(w.Base, v.writer.Add)
	}
	return nil
}

// writeSome writes a piece of a checkpoint; the replica goes on meanwhile.
func (v *driver) writeSome(w *node.Write) (more bool, err error) {
	items := w.Snapshot.Next(nil, 1+v.d.rand.IntN(8<<10))
	if len(items) == 0 {
		return false, nil
	}
	return true, v.writer.Add(items)
}

func (v *driver) commitWrite(w *node.Write) error {
	manifest := w.Seal()
	if err := v.writer.Commit(w.Manifest.Sum, manifest, w.Keep); err != nil {
		return err
	}
	v.d.stats.Checkpoints++
	v.wrote(w.Manifest, w.Base != 0)
	return nil
}

// wrote notes how far a durable checkpoint reaches, and, if the one before it is
// kept, that others may go by that one.
func (v *driver) wrote(m *node.Manifest, second bool) {
	if second {
		v.d.older, v.d.stable = v.d.newest, maps.Clone(v.d.covers)
	}
	v.d.newest = m.Positions.Key
	for _, at := range m.Positions.Ensembles {
		v.d.covers[at.Ensemble] = max(v.d.covers[at.Ensemble], at.Instance-1)
	}
}

func (v *driver) endWrite() {
	if v.writer != nil {
		v.writer.Abort()
	}
	v.writer, v.seal, v.number = nil, nil, 0
}

// finishWriting is what the end of the process leaves of a checkpoint that was
// complete: it, or nothing.
func (v *driver) finishWriting(all bool) {
	if v.seal != nil && all {
		v.seal()
	}
	v.endWrite()
}
