package vfs

import (
	"io"
	"path"
)

// Sub is what a file system has below a directory, which must exist.
func Sub(fsys FS, dir string) (FS, error) {
	if err := check("sub", dir); err != nil {
		return nil, err
	}
	return &sub{fsys, dir}, nil
}

// sub joins names to its directory; those that lead out of it are not valid
// even so, or stay refused.
type sub struct {
	in  FS
	dir string
}

func (s *sub) name(name string) string {
	if check("", name) != nil {
		return name // what is below refuses it, too
	}
	return path.Join(s.dir, name)
}

func (s *sub) Create(name string) (File, error)    { return s.in.Create(s.name(name)) }
func (s *sub) Open(name string) (File, error)      { return s.in.Open(s.name(name)) }
func (s *sub) Remove(name string) error            { return s.in.Remove(s.name(name)) }
func (s *sub) Rename(from, to string) error        { return s.in.Rename(s.name(from), s.name(to)) }
func (s *sub) List(dir string) ([]string, error)   { return s.in.List(s.name(dir)) }
func (s *sub) MkdirAll(dir string) error           { return s.in.MkdirAll(s.name(dir)) }
func (s *sub) SyncDir(dir string) error            { return s.in.SyncDir(s.name(dir)) }
func (s *sub) Free(dir string) (uint64, error)     { return s.in.Free(s.name(dir)) }
func (s *sub) Lock(name string) (io.Closer, error) { return s.in.Lock(s.name(name)) }

var _ FS = (*sub)(nil)
