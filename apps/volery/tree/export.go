package tree

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/eyrie-dev/eyrie/apps/volery"
)

// Export copies the node at path and all below it to the directory dir, which
// it makes if it is not there. Nothing is written outside dir, whatever the
// nodes are called and whatever links there are. An export that fails leaves
// behind what it has written.
func Export(ctx context.Context, c Client, path, dir string, o Options) (Progress, error) {
	w, err := newWork(c, o)
	if err != nil {
		return Progress{}, err
	}
	ex := &exporter{work: w}
	if err := ex.checkTop(ctx, path); err != nil {
		return Progress{}, err
	}
	if err := prepareTarget(dir, o.Overwrite); err != nil {
		return Progress{}, err
	}
	if ex.root, err = os.OpenRoot(dir); err != nil {
		return Progress{}, err
	}
	defer ex.root.Close()
	err = ex.run(ctx, w.o.Window, func(ctx context.Context) error { return ex.list(ctx, path, ".") })
	return w.progressed, err
}

// checkTop refuses what is no directory before anything is written.
func (w *work) checkTop(ctx context.Context, path string) error {
	data, stat, err := w.getData(ctx, path)
	if err != nil {
		return err
	}
	e, err := parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if e.kind == directoryKind || e.kind == plainKind && len(data) == 0 {
		return nil
	}
	if e.kind == plainKind && stat.NumChildren > 0 {
		return fmt.Errorf("%w: %s", ErrMixed, path)
	}
	return fmt.Errorf("%w: node %s is a file or a link", ErrNotDirectory, path)
}

func prepareTarget(dir string, overwrite bool) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	switch _, err = d.Readdirnames(1); {
	case err == io.EOF:
		return nil
	case err == nil && !overwrite:
		return fmt.Errorf("%w: %s", ErrTargetNotEmpty, dir)
	}
	return err
}

type exporter struct {
	*work
	// root confines every write to the target: a name or a link that leads
	// out of it is an error of the operating system's.
	root *os.Root
}

// visit copies the node to file, a path below the root.
func (ex *exporter) visit(ctx context.Context, node, file string) error {
	data, stat, err := ex.getData(ctx, node)
	if errors.Is(err, volery.ErrNoNode) {
		return fmt.Errorf("%w: %w", ErrChanged, err)
	}
	if err != nil {
		return err
	}
	e, err := parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", node, err)
	}
	children := int(stat.NumChildren)
	if e.kind == plainKind {
		switch {
		case children > 0 && len(data) == 0:
			e.kind = directoryKind
		case children == 0:
			e.kind = fileKind
		}
	}
	switch {
	case e.kind == directoryKind:
		return ex.directory(ctx, node, file)
	case e.kind == plainKind, children > e.chunks:
		return fmt.Errorf("%w: %s", ErrMixed, node)
	case e.kind == symlinkKind:
		return ex.symlink(node, file, string(e.body))
	case children < e.chunks:
		return fmt.Errorf("%w: %s has %d chunks of %d", ErrIncomplete, node, children, e.chunks)
	}
	return ex.file(ctx, node, file, e)
}

func (ex *exporter) directory(ctx context.Context, node, file string) error {
	err := ex.root.Mkdir(file, 0o777)
	if errors.Is(err, fs.ErrExist) && ex.o.Overwrite {
		// A link to a directory would do to write through, but is not what
		// the tree has there.
		var info fs.FileInfo
		if info, err = ex.root.Lstat(file); err == nil && !info.IsDir() {
			err = fmt.Errorf("%w: %s is in the way of a directory", ErrNotDirectory, file)
		}
	}
	if err != nil {
		return err
	}
	return ex.list(ctx, node, file)
}

// list pushes a directory's entries; the directory is there.
func (ex *exporter) list(ctx context.Context, node, file string) error {
	names, err := ex.getChildren(ctx, node)
	if err != nil {
		return err
	}
	tasks := make([]task, len(names))
	for i, child := range names {
		name, err := UnescapeName(child)
		if err != nil {
			return fmt.Errorf("%s: %w", node, err)
		}
		node, file := volery.Join(node, child), filepath.Join(file, name)
		tasks[i] = func(ctx context.Context) error { return ex.visit(ctx, node, file) }
	}
	ex.report(func(p *Progress) { p.Directories++; p.did(node, 0, false) })
	ex.push(tasks...)
	return nil
}

// free makes room for a file or a link, where that is allowed.
func (ex *exporter) free(file string) error {
	if !ex.o.Overwrite {
		return nil
	}
	info, err := ex.root.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%w: a directory is in the way of the file %s", ErrTargetNotEmpty, file)
	}
	return ex.root.Remove(file)
}

func (ex *exporter) symlink(node, file, target string) error {
	if err := ex.free(file); err != nil {
		return err
	}
	if err := ex.root.Symlink(target, file); err != nil {
		return err
	}
	ex.report(func(p *Progress) { p.Links++; p.did(node, 0, false) })
	return nil
}

func (ex *exporter) file(ctx context.Context, node, file string, e entry) (err error) {
	if err := ex.free(file); err != nil {
		return err
	}
	mode := fs.FileMode(0o666)
	if e.executable {
		mode = 0o777
	}
	f, err := ex.root.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if e.chunks > 0 {
		err = ex.chunks(ctx, node, e, f)
	} else {
		_, err = f.Write(e.body)
	}
	if err != nil {
		return err
	}
	ex.report(func(p *Progress) { p.Files++; p.did(node, len(e.body), false) })
	return nil
}

// chunks writes a file's chunks one after the other, while a few more are on
// their way, and checks the whole.
func (ex *exporter) chunks(ctx context.Context, node string, e entry, to io.Writer) error {
	const ahead = 4
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	whole := sha256.New()
	var coming []<-chan chunk
	for i := range e.chunks {
		for next := i + len(coming); next < e.chunks && len(coming) < ahead; next++ {
			coming = append(coming, ex.fetch(ctx, volery.Join(node, chunkName(next))))
		}
		c := <-coming[0]
		coming = coming[1:]
		if errors.Is(c.err, volery.ErrNoNode) {
			return fmt.Errorf("%w: %w", ErrIncomplete, c.err)
		}
		if c.err != nil {
			return c.err
		}
		e.size -= int64(len(c.data))
		if e.size < 0 {
			break
		}
		whole.Write(c.data)
		if _, err := to.Write(c.data); err != nil {
			return err
		}
		ex.report(func(p *Progress) { p.did(node, len(c.data), false) })
	}
	if e.size != 0 || [32]byte(whole.Sum(nil)) != e.sum {
		return fmt.Errorf("%w: the chunks of %s are not those of its file", ErrIncomplete, node)
	}
	return nil
}

type chunk struct {
	data []byte
	err  error
}

// fetch begins to read a node. The goroutine ends with ctx at the latest.
func (ex *exporter) fetch(ctx context.Context, node string) <-chan chunk {
	c := make(chan chunk, 1)
	go func() {
		data, _, err := ex.getData(ctx, node)
		c <- chunk{data, err}
	}()
	return c
}
