// Package model is Volery without partitions: a tree in plain Go maps that
// executes one command after another. It exists to be obviously right, so that
// checkers can replay a history on it and compare every reply; it shares no
// rule with the service but the names of the errors.
package model

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/eyrie-dev/eyrie/apps/volery"
)

// Tree is the state. It is not safe for concurrent use.
type Tree struct{ nodes map[string]*node }

type node struct {
	data             []byte
	children         map[string]bool
	czxid, mzxid     int64
	pzxid            int64
	version          int32
	created, deleted int32 // children, ever
}

// New is the tree with nothing but the root.
func New() *Tree { return &Tree{nodes: map[string]*node{"/": {children: map[string]bool{}}}} }

// Clone is a copy that shares nothing with t.
func (t *Tree) Clone() *Tree {
	c := &Tree{nodes: make(map[string]*node, len(t.nodes))}
	for path, n := range t.nodes {
		m := *n
		m.data = slices.Clone(n.data)
		m.children = make(map[string]bool, len(n.children))
		for name := range n.children {
			m.children[name] = true
		}
		c.nodes[path] = &m
	}
	return c
}

// Create makes a node with a value, at the time zxid.
func (t *Tree) Create(zxid int64, path string, data []byte) (volery.Stat, error) {
	if len(data) > 1<<20 {
		return volery.Stat{}, volery.ErrTooLarge
	}
	slash := strings.LastIndex(path, "/")
	if slash < 0 || strings.Contains(path, "\x00") || len(path) > 8192 {
		return volery.Stat{}, volery.ErrBadArguments
	}
	parent, ok := t.nodes[up(path)]
	if !ok {
		return volery.Stat{}, volery.ErrNoNode
	}
	if !valid(path) {
		return volery.Stat{}, volery.ErrBadArguments
	}
	if t.nodes[path] != nil {
		return volery.Stat{}, volery.ErrNodeExists
	}
	name := path[slash+1:]
	size := len(path) + 32
	for other := range parent.children {
		size += len(path) - len(name) + len(other) + 32
	}
	if size > 2<<20 {
		return volery.Stat{}, volery.ErrTooManyChildren
	}
	n := &node{
		data: slices.Clone(data), children: map[string]bool{},
		czxid: zxid, mzxid: zxid, pzxid: zxid,
	}
	t.nodes[path] = n
	parent.children[name] = true
	parent.created++
	parent.pzxid = max(parent.pzxid, zxid)
	return n.stat(), nil
}

// Delete removes a node without children, at the time zxid.
func (t *Tree) Delete(zxid int64, path string, version int32) error {
	if path == "/" || !strings.Contains(path, "/") || strings.Contains(path, "\x00") || len(path) > 8192 {
		return volery.ErrBadArguments
	}
	parent, n := t.nodes[up(path)], t.nodes[path]
	switch {
	case parent == nil || n == nil:
		return volery.ErrNoNode
	case version != -1 && version != n.version:
		return volery.ErrBadVersion
	case len(n.children) > 0:
		return volery.ErrNotEmpty
	}
	delete(t.nodes, path)
	delete(parent.children, path[strings.LastIndex(path, "/")+1:])
	parent.deleted++
	parent.pzxid = max(parent.pzxid, zxid)
	return nil
}

// Exists tells a node's Stat, or that there is none.
func (t *Tree) Exists(path string) (volery.Stat, bool, error) {
	if strings.Contains(path, "\x00") || len(path) > 8192 {
		return volery.Stat{}, false, volery.ErrBadArguments
	}
	n := t.nodes[path]
	if n == nil {
		return volery.Stat{}, false, nil
	}
	return n.stat(), true, nil
}

// GetChildren lists the names of a node's children in byte order.
func (t *Tree) GetChildren(path string) ([]string, volery.Stat, error) {
	if len(path) > 8192 {
		return nil, volery.Stat{}, volery.ErrBadArguments
	}
	n := t.nodes[path]
	if n == nil {
		return nil, volery.Stat{}, volery.ErrNoNode
	}
	names := []string{}
	for name := range n.children {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, n.stat(), nil
}

// GetData tells a node's value.
func (t *Tree) GetData(path string) ([]byte, volery.Stat, error) {
	if len(path) > 8192 {
		return nil, volery.Stat{}, volery.ErrBadArguments
	}
	n := t.nodes[path]
	if n == nil {
		return nil, volery.Stat{}, volery.ErrNoNode
	}
	return slices.Clone(n.data), n.stat(), nil
}

// SetData changes a node's value, at the time zxid.
func (t *Tree) SetData(zxid int64, path string, data []byte, version int32) (volery.Stat, error) {
	if len(data) > 1<<20 {
		return volery.Stat{}, volery.ErrTooLarge
	}
	if !valid(path) {
		return volery.Stat{}, volery.ErrBadArguments
	}
	n := t.nodes[path]
	switch {
	case n == nil:
		return volery.Stat{}, volery.ErrNoNode
	case version != -1 && version != n.version:
		return volery.Stat{}, volery.ErrBadVersion
	}
	n.data, n.mzxid = slices.Clone(data), zxid
	n.version++
	return n.stat(), nil
}

func (n *node) stat() volery.Stat {
	return volery.Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Pzxid: n.pzxid,
		Ctime: n.czxid / 1000, Mtime: n.mzxid / 1000,
		Version: n.version, Cversion: n.created + n.deleted,
		DataLength: int32(len(n.data)), NumChildren: int32(len(n.children)),
	}
}

// up is the parent's path; the root's parent is the root, as in ZooKeeper's
// table, where the root stands under two names.
func up(path string) string {
	parent := path[:strings.LastIndex(path, "/")]
	if parent == "" {
		return "/"
	}
	return parent
}

// valid follows ZooKeeper's PathUtils.validatePath, in UTF-16 as there.
func valid(path string) bool {
	if len(path) == 0 || len(path) > 8192 || path[0] != '/' || !utf8.ValidString(path) {
		return false
	}
	if path == "/" {
		return true
	}
	for _, name := range strings.Split(path[1:], "/") {
		if name == "" || name == "." || name == ".." {
			return false
		}
		for _, c := range utf16.Encode([]rune(name)) {
			if c <= 0x1f || c >= 0x7f && c <= 0x9f || c >= 0xd800 && c <= 0xf8ff || c >= 0xfff0 {
				return false
			}
		}
	}
	return true
}

// Len is the number of nodes, the root included.
func (t *Tree) Len() int { return len(t.nodes) }
