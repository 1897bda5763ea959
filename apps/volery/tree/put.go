package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/eyrie-dev/eyrie/apps/volery"
)

// shape is which children a node may have: any, or its chunks.
type shape struct {
	directory bool
	chunks    int
}

func (s shape) allows(children int) bool { return s.directory || children <= s.chunks }

// put makes sure that there is a node with this value. It says whether it was
// there before. Where the outcome of a create or a change stays unknown, what
// is there is looked at; so put may be repeated, within a run and by another.
func (im *importer) put(ctx context.Context, node string, value []byte, want shape) (same bool, err error) {
	ours := false // it may be this call that made what is there
	for range Attempts {
		_, err = im.c.Create(ctx, node, value)
		if errors.Is(err, volery.ErrNodeExists) {
			var did bool
			did, err = im.adopt(ctx, node, value, want)
			if err == nil {
				return !did && !ours, nil
			}
		}
		if err == nil {
			return false, nil
		}
		ours = ours || again(ctx, err)
		// A node or version that went away meanwhile is somebody else at work.
		if !again(ctx, err) && !errors.Is(err, errMoved) {
			return false, err
		}
	}
	return false, err
}

// errMoved: the node changed between two calls; look again.
var errMoved = fmt.Errorf("%w: somebody else writes there", ErrChanged)

// adopt makes an existing node have the value, if it may. It says whether it
// had to change it.
func (im *importer) adopt(ctx context.Context, node string, value []byte, want shape) (did bool, err error) {
	old, stat, err := im.c.GetData(ctx, node)
	if errors.Is(err, volery.ErrNoNode) {
		return false, errMoved
	}
	if err != nil {
		return false, err
	}
	if bytes.Equal(old, value) {
		if !want.allows(int(stat.NumChildren)) {
			return false, fmt.Errorf("%w: %s is to be a file, and has children", ErrConflict, node)
		}
		return false, nil
	}
	if !im.o.Overwrite && !(node == im.top && len(old) == 0) {
		return false, fmt.Errorf("%w: %s", ErrConflict, node)
	}
	if err := im.clear(ctx, node, old, int(stat.NumChildren), want); err != nil {
		return false, err
	}
	_, err = im.c.SetData(ctx, node, value, stat.Version)
	if errors.Is(err, volery.ErrBadVersion) || errors.Is(err, volery.ErrNoNode) {
		err = errMoved
	}
	return true, err
}

// clear removes the chunks of a node's old value that the new one will not
// have. It does so before the value changes: as long as that names them, a
// repeated import knows what they are.
func (im *importer) clear(ctx context.Context, node string, old []byte, children int, want shape) error {
	was, err := parse(old)
	if err != nil {
		was = entry{}
	}
	if !want.directory && children > was.chunks {
		return fmt.Errorf("%w: %s is to be a file, and has children", ErrConflict, node)
	}
	for i := want.chunks; i < was.chunks; i++ {
		err := im.c.Delete(ctx, volery.Join(node, chunkName(i)), volery.AnyVersion)
		if err != nil && !errors.Is(err, volery.ErrNoNode) {
			return err
		}
	}
	return nil
}
