package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"
)

// Mem is a disk in memory that knows what has not been synced. It is
// deterministic: what it does depends on its calls alone. Crash is a power
// cut, Hook and the Mem* methods are its faults.
//
// Model of a disk: a sector of 512 bytes is written whole or not at all;
// unsynced sectors survive independently, in any order; an unsynced create,
// rename or remove happened or not, each as a whole.
type Mem struct {
	mu    sync.Mutex
	dirs  map[string]bool  // durable when made
	now   map[string]*node // names as a process sees them
	disk  map[string]*node // names that a power cut leaves
	moves []move           // the way from disk to now, in order
	locks map[string]bool
	epoch int // raised by Crash: handles of dead processes fail

	capacity int64
	hook     func(Op) Outcome
	counts   map[OpKind]int
	total    int
}

// node is a file, with or without a name.
type node struct {
	data    []byte       // as a process sees it
	disk    []byte       // as a power cut leaves it, at least
	dirty   map[int]bool // sectors of data that may or may not be on the disk
	resized bool         // data's length may or may not be on the disk
}

// move is a change of names that no SyncDir has covered. A create has no
// from, a remove no to.
type move struct {
	from, to string
	node     *node
}

// NewMem returns an empty disk without bounds.
func NewMem() *Mem {
	return &Mem{
		dirs: map[string]bool{".": true}, now: map[string]*node{}, disk: map[string]*node{},
		locks: map[string]bool{}, counts: map[OpKind]int{},
	}
}

// Clone copies the disk with all that is unsynced, without hook and locks, as
// if its processes had died and the machine gone on.
func (m *Mem) Clone() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := NewMem()
	c.dirs, c.capacity = maps.Clone(m.dirs), m.capacity
	copies := map[*node]*node{}
	twin := func(n *node) *node {
		if n != nil && copies[n] == nil {
			copies[n] = &node{slices.Clone(n.data), slices.Clone(n.disk), maps.Clone(n.dirty), n.resized}
		}
		return copies[n]
	}
	for name, n := range m.now {
		c.now[name] = twin(n)
	}
	for name, n := range m.disk {
		c.disk[name] = twin(n)
	}
	for _, v := range m.moves {
		c.moves = append(c.moves, move{v.from, v.to, twin(v.node)})
	}
	return c
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.parent("create", name); err != nil {
		return nil, err
	}
	if m.now[name] != nil || m.dirs[name] {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	if out := m.ask(OpCreate, name, 0, 0); out.Err != nil {
		return nil, out.Err
	}
	n := &node{dirty: map[int]bool{}}
	m.now[name] = n
	m.moves = append(m.moves, move{to: name, node: n})
	return &memFile{m, n, name, m.epoch}, nil
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("open", name)
	if err != nil {
		return nil, err
	}
	return &memFile{m, n, name, m.epoch}, nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find("remove", name); err != nil {
		return err
	}
	if out := m.ask(OpRemove, name, 0, 0); out.Err != nil {
		return out.Err
	}
	delete(m.now, name)
	m.moves = append(m.moves, move{from: name})
	return nil
}

// Rename implements FS.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("rename", from)
	if err == nil {
		err = m.parent("rename", to)
	}
	if err != nil {
		return err
	}
	if out := m.ask(OpRename, to, 0, 0); out.Err != nil {
		return out.Err
	}
	delete(m.now, from)
	m.now[to] = n
	m.moves = append(m.moves, move{from, to, n})
	return nil
}

// List implements FS.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dirs[dir] {
		return nil, &fs.PathError{Op: "list", Path: dir, Err: fs.ErrNotExist}
	}
	var names []string
	for name := range m.now {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	for name := range m.dirs {
		if path.Dir(name) == dir && name != "." {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := check("mkdir", dir); err != nil {
		return err
	}
	if out := m.ask(OpMkdir, dir, 0, 0); out.Err != nil {
		return out.Err
	}
	for d := dir; d != "."; d = path.Dir(d) {
		if m.now[d] != nil {
			return &fs.PathError{Op: "mkdir", Path: d, Err: fs.ErrExist}
		}
		m.dirs[d] = true
	}
	return nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dirs[dir] {
		return &fs.PathError{Op: "sync", Path: dir, Err: fs.ErrNotExist}
	}
	out := m.ask(OpSyncDir, dir, 0, 0)
	if out.Err != nil || out.Lie {
		return out.Err
	}
	m.moves = slices.DeleteFunc(m.moves, func(v move) bool {
		here := v.from != "" && path.Dir(v.from) == dir || v.to != "" && path.Dir(v.to) == dir
		if here {
			v.apply(m.disk)
		}
		return here
	})
	return nil
}

// Free implements FS.
func (m *Mem) Free(string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.capacity == 0 {
		return 1 << 62, nil
	}
	return uint64(max(0, m.capacity-m.used())), nil
}

// Lock implements FS. The lock's file shows in List.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.parent("lock", name); err != nil {
		return nil, err
	}
	if m.locks[name] {
		return nil, fmt.Errorf("lock %s: %w", name, ErrLocked)
	}
	if m.now[name] == nil {
		n := &node{dirty: map[int]bool{}}
		m.now[name], m.disk[name] = n, n
	}
	m.locks[name] = true
	return &memLock{m, name, m.epoch}, nil
}

type memLock struct {
	m     *Mem
	name  string
	epoch int
}

func (l *memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.epoch == l.m.epoch {
		delete(l.m.locks, l.name)
	}
	l.epoch = -1
	return nil
}

func (m *Mem) find(op, name string) (*node, error) {
	if err := check(op, name); err != nil {
		return nil, err
	}
	n := m.now[name]
	if n == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

func (m *Mem) parent(op, name string) error {
	if err := check(op, name); err != nil {
		return err
	}
	if !m.dirs[path.Dir(name)] {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return nil
}

func (v move) apply(names map[string]*node) {
	if v.from != "" {
		if v.to != "" && names[v.from] != v.node {
			return // what it renames was lost itself
		}
		delete(names, v.from)
	}
	if v.to != "" {
		names[v.to] = v.node
	}
}

var _ FS = (*Mem)(nil)
