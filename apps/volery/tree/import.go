package tree

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/eyrie-dev/eyrie/apps/volery"
)

// Import copies the directory dir to the node at path, whose parent must
// exist. Nodes on the way that are there already and as they should be are
// left alone, so an import that broke off is completed by repeating it. The
// node at path may exist with an empty value. Devices, sockets and pipes are
// skipped; then the error is ErrUnsupported, unless there is another.
func Import(ctx context.Context, c Client, dir, path string, o Options) (Progress, error) {
	w, err := newWork(c, o)
	if err != nil {
		return Progress{}, err
	}
	if err := volery.CheckPath(path); err != nil {
		return Progress{}, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return Progress{}, err
	}
	if !info.IsDir() {
		return Progress{}, fmt.Errorf("%w: %s", ErrNotDirectory, dir)
	}
	im := &importer{work: w, top: path}
	err = im.run(ctx, w.o.Window, func(ctx context.Context) error { return im.directory(ctx, dir, path) })
	if n := w.progressed.Skipped; err == nil && n > 1 {
		err = fmt.Errorf("%w, and %d more", im.skipped, n-1)
	} else if err == nil {
		err = im.skipped
	}
	return w.progressed, err
}

type importer struct {
	*work
	top     string
	skipped error // the first file of a kind that cannot be copied
}

// visit copies whatever is at file to the node. Its parent node exists.
func (im *importer) visit(ctx context.Context, file, node string) error {
	if err := volery.CheckPath(node); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	switch info.Mode().Type() {
	case fs.ModeDir:
		return im.directory(ctx, file, node)
	case fs.ModeSymlink:
		return im.symlink(ctx, file, node)
	case 0:
		return im.file(ctx, file, node, info.Mode()&0o100 != 0)
	}
	im.report(func(p *Progress) {
		if p.Skipped++; im.skipped == nil {
			im.skipped = fmt.Errorf("%w: %s (%v)", ErrUnsupported, file, info.Mode().Type())
		}
	})
	return nil
}

func (im *importer) directory(ctx context.Context, file, node string) error {
	list, err := os.ReadDir(file)
	if err != nil {
		return err
	}
	same, err := im.put(ctx, node, directoryValue(), shape{directory: true})
	if err != nil {
		return err
	}
	im.report(func(p *Progress) { p.Directories++; p.did(node, 0, same) })
	tasks := make([]task, len(list))
	for i, e := range list {
		file, node := filepath.Join(file, e.Name()), volery.Join(node, EscapeName(e.Name()))
		tasks[i] = func(ctx context.Context) error { return im.visit(ctx, file, node) }
	}
	im.push(tasks...)
	return nil
}

func (im *importer) symlink(ctx context.Context, file, node string) error {
	target, err := os.Readlink(file)
	if err != nil {
		return err
	}
	same, err := im.put(ctx, node, symlinkValue(target), shape{})
	if err != nil {
		return err
	}
	im.report(func(p *Progress) { p.Links++; p.did(node, 0, same) })
	return nil
}

func (im *importer) file(ctx context.Context, file, node string, executable bool) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, int64(im.o.Split)+1))
	if err != nil {
		return err
	}
	value := fileValue(content, executable)
	if len(value) > im.o.Split {
		return im.chunked(ctx, f, node, executable)
	}
	same, err := im.put(ctx, node, value, shape{})
	if err != nil {
		return err
	}
	im.report(func(p *Progress) { p.Files++; p.did(node, len(content), same) })
	return nil
}

// chunked copies a file in chunks: first the node, which names the sum of the
// whole, then its children. A file that is changed in between is found out by
// its chunks' checksums.
func (im *importer) chunked(ctx context.Context, f *os.File, node string, executable bool) error {
	checks, size, sum, err := im.scan(f)
	if err != nil {
		return err
	}
	same, err := im.put(ctx, node, chunkedValue(executable, len(checks), size, sum), shape{chunks: len(checks)})
	if err != nil {
		return err
	}
	im.report(func(p *Progress) { p.Files++; p.did(node, 0, same) })
	name := f.Name()
	tasks := make([]task, len(checks))
	for i, check := range checks {
		tasks[i] = func(ctx context.Context) error { return im.chunk(ctx, name, node, i, check) }
	}
	im.push(tasks...)
	return nil
}

// scan reads a file once: a checksum for each chunk, and one for the whole.
func (im *importer) scan(f *os.File) (checks []uint32, size int64, sum [32]byte, err error) {
	if _, err = f.Seek(0, io.SeekStart); err != nil {
		return nil, 0, sum, err
	}
	whole := sha256.New()
	b := make([]byte, im.o.Chunk)
	for {
		n, err := io.ReadFull(f, b)
		if n > 0 {
			whole.Write(b[:n])
			size += int64(n)
			checks = append(checks, crc32.Checksum(b[:n], castagnoli))
		}
		if len(checks) > maxChunks {
			return nil, 0, sum, fmt.Errorf("%s: %w: more than %d chunks", f.Name(), volery.ErrTooLarge, maxChunks)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			whole.Sum(sum[:0])
			return checks, size, sum, nil
		}
		if err != nil {
			return nil, 0, sum, err
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (im *importer) chunk(ctx context.Context, file, node string, i int, check uint32) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, im.o.Chunk)
	n, err := f.ReadAt(b, int64(i)*int64(im.o.Chunk))
	if err != nil && err != io.EOF {
		return err
	}
	if crc32.Checksum(b[:n], castagnoli) != check {
		return fmt.Errorf("%w: %s", ErrChanged, file)
	}
	if _, err := im.put(ctx, volery.Join(node, chunkName(i)), b[:n], shape{}); err != nil {
		return err
	}
	im.report(func(p *Progress) { p.did(node, n, false) })
	return nil
}

func (p *Progress) did(node string, bytes int, same bool) {
	p.Path = node
	p.Bytes += int64(bytes)
	if same {
		p.Unchanged++
	}
}
