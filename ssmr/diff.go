package ssmr

import (
	"slices"

	"github.com/eyrie-dev/eyrie/partition"
)

// WithDiff lets a value that has changed be shipped as what has changed to
// partitions that hold an older one (section 4.3.1): worth it for large values
// that change a little and are read by commands of other partitions. Diff says
// what makes the new value of the old one, or false if that is not worth it;
// patch makes the new value again. Both must be deterministic and change
// nothing that they are given. A patch that makes anything else than the new
// value, to the byte, is noticed, and the value shipped as it is; so is one that
// panics.
func WithDiff[V, D any](diff func(old, new V) (D, bool), patch func(old V, d D) V) CollectionOption {
	f := &differ[V]{}
	values, diffs := valueCodecOf[V](), valueCodecOf[D]()
	if diffs.err != nil {
		f.err = diffs.err
	}
	f.diff = func(old, new []byte) ([]byte, bool) {
		d, ok := diff(must(values.decode(old, false)), must(values.decode(new, false)))
		if !ok {
			return nil, false
		}
		return must(diffs.append(nil, d)), true
	}
	f.patch = func(old, d []byte) ([]byte, error) {
		v, err := values.decode(old, false)
		if err != nil {
			return nil, err
		}
		decoded, err := diffs.decode(d, false)
		if err != nil {
			return nil, err
		}
		b, err := values.append(nil, patch(v, decoded))
		return slices.Clip(b), err
	}
	return func(o *collectionOptions) { o.diff = f }
}

// differ is a WithDiff on encoded values; V is there to be compared with the
// collection's.
type differ[V any] struct {
	diff  func(old, new []byte) ([]byte, bool)
	patch func(old, d []byte) ([]byte, error)
	err   error
}

func (c *Collection[K, V]) setDiff(o collectionOptions) {
	if o.diff == nil {
		return
	}
	d, ok := o.diff.(*differ[V])
	switch {
	case !ok:
		c.complain("WithDiff is for another type of values: %T", o.diff)
	case d.err != nil:
		c.complain("has diffs that cannot be sent: %w", d.err)
	default:
		c.diff = d
	}
}

func (c *Collection[K, V]) offerDiff(to *partition.Collection) {
	if c.diff != nil {
		to.Diff, to.Patch = c.diff.diff, c.diff.patch
	}
}
