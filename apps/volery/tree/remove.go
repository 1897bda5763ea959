package tree

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/eyrie-dev/eyrie/apps/volery"
)

// Remove deletes the node at path and all below it, leaves first. It is no
// single command: others see the tree shrink, and what is created meanwhile is
// deleted too, or stops the removal with volery.ErrNotEmpty.
func Remove(ctx context.Context, c Client, path string, o Options) (Progress, error) {
	w, err := newWork(c, o)
	if err != nil {
		return Progress{}, err
	}
	if path == volery.Root {
		return Progress{}, &volery.Error{Op: "delete", Path: path, Err: volery.ErrBadArguments}
	}
	if _, _, err := c.GetChildren(ctx, path); err != nil {
		return Progress{}, err
	}
	rm := &remover{w}
	err = rm.run(ctx, w.o.Window, func(ctx context.Context) error { return rm.visit(ctx, &doomed{path: path, tries: Attempts}) })
	return w.progressed, err
}

type remover struct{ *work }

// doomed is a node to be deleted when its last child is.
type doomed struct {
	path     string
	parent   *doomed
	children atomic.Int64 // not yet deleted
	tries    int
}

// visit deletes a node, or its children first. Reading a list for each leaf
// costs less than a failed delete, which concerns two partitions.
func (rm *remover) visit(ctx context.Context, d *doomed) error {
	names, err := rm.getChildren(ctx, d.path)
	if errors.Is(err, volery.ErrNoNode) {
		return rm.gone(ctx, d)
	}
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return rm.remove(ctx, d)
	}
	d.children.Store(int64(len(names)))
	tasks := make([]task, len(names))
	for i, name := range names {
		child := &doomed{path: volery.Join(d.path, name), parent: d, tries: Attempts}
		tasks[i] = func(ctx context.Context) error { return rm.visit(ctx, child) }
	}
	rm.push(tasks...)
	return nil
}

func (rm *remover) remove(ctx context.Context, d *doomed) (err error) {
	for range Attempts {
		if err = rm.c.Delete(ctx, d.path, volery.AnyVersion); !again(ctx, err) {
			break
		}
	}
	if errors.Is(err, volery.ErrNotEmpty) && d.tries > 1 {
		d.tries-- // somebody made a child meanwhile
		return rm.visit(ctx, d)
	}
	if err != nil && !errors.Is(err, volery.ErrNoNode) {
		return err
	}
	rm.report(func(p *Progress) { p.Removed++; p.Path = d.path })
	return rm.gone(ctx, d)
}

// gone tells the parent; the last child's task deletes it.
func (rm *remover) gone(ctx context.Context, d *doomed) error {
	if d.parent == nil || d.parent.children.Add(-1) > 0 {
		return nil
	}
	return rm.remove(ctx, d.parent)
}
