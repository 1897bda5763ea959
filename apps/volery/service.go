package volery

import (
	"strings"

	"github.com/eyrie-dev/eyrie/ssmr"
)

// Service is Volery: give it to ssmr.StartLocal, to ssmr.Dial, or compose it
// with other services.
var Service = ssmr.NewService("volery",
	nodes, values, directories, entries, changeChild,
	ErrNoNode, ErrNodeExists, ErrBadVersion, ErrNotEmpty, ErrBadArguments, ErrTooLarge, ErrTooManyChildren,
	Create, Delete, Exists, GetChildren, GetData, SetData)

// The six commands. Client is the comfortable way to call them.
//
// The order of the checks is ZooKeeper's: it decides which error a caller
// sees. A path that breaks the rules never names a node, so most checks of it
// need no variable; it is still executed and answered like any other. What only
// reads is executed by one replica, without being ordered, since all of it lives
// on one partition.
var (
	// Create makes a node. Checks: the value's size, a slash and no NUL, the
	// parent exists, the path's rules, the node is absent, the parent has
	// room. Nothing is read of the node itself: the parent's entry says
	// whether it exists. So the child's partition is told a record, two
	// sums, and whether there is an entry, and tells nothing.
	Create = ssmr.NewCommand("create", accessCreate, create)

	// Delete removes a node. Checks: not the root, a slash and no NUL, the
	// node exists, its version, no children. The parent is not read: a node
	// that exists has one. So the parent's partition is told a record and
	// the sums, and tells nothing.
	Delete = ssmr.NewCommand("delete", accessDelete, remove)

	// Exists tells a node's Stat, or that there is none.
	Exists = ssmr.NewCommand("exists",
		func(path string) ssmr.Access {
			return ssmr.Exactly(nodes.Reads(path), directories.Reads(path))
		}, exists, ssmr.ReadOnly())

	// GetChildren lists the names of a node's children.
	GetChildren = ssmr.NewCommand("getChildren",
		func(path string) ssmr.Access {
			return ssmr.Exactly(nodes.Reads(path), directories.Reads(path), entries.ReadsRange(entriesOf(path)))
		}, getChildren, ssmr.ReadOnly())

	// GetData tells a node's value.
	GetData = ssmr.NewCommand("getData",
		func(path string) ssmr.Access {
			return ssmr.Exactly(nodes.Reads(path), directories.Reads(path), values.Reads(path))
		}, getData, ssmr.ReadOnly())

	// SetData changes a node's value. Checks: the value's size, the path's
	// rules, the node exists, its version.
	SetData = ssmr.NewCommand("setData",
		func(a SetArg) ssmr.Access {
			return ssmr.Exactly(nodes.Writes(a.Path), directories.Reads(a.Path), values.Writes(a.Path))
		}, setData)
)

func accessCreate(a CreateArg) ssmr.Access {
	parent, ok := ParentOf(a.Path)
	if !ok {
		return ssmr.Exactly(nodes.Reads(a.Path))
	}
	if pathFault(a.Path) != "" || a.Path == Root {
		return ssmr.Exactly(nodes.Reads(parent))
	}
	return ssmr.Exactly(nodes.Reads(parent), directories.Writes(parent),
		entries.Writes(entryKey(parent, NameOf(a.Path))),
		nodes.Writes(a.Path), values.Writes(a.Path))
}

func create(tx ssmr.Tx, a CreateArg) (Stat, error) {
	parent, ok := ParentOf(a.Path)
	switch {
	case len(a.Data) > MaxValue:
		return Stat{}, ErrTooLarge
	case !ok || unspeakable(a.Path):
		return Stat{}, ErrBadArguments
	}
	if _, ok := recordOf(tx, parent); !ok {
		return Stat{}, ErrNoNode
	}
	switch {
	case pathFault(a.Path) != "":
		return Stat{}, ErrBadArguments
	case a.Path == Root:
		return Stat{}, ErrNodeExists
	}
	entry := entryKey(parent, NameOf(a.Path))
	if entries.Has(tx, entry) {
		return Stat{}, ErrNodeExists
	}
	if d, _ := directories.Get(tx, parent); d.List+int64(len(a.Path))+ListOverhead > MaxList {
		return Stat{}, ErrTooManyChildren
	}
	now := zxid(tx)
	r := record{Czxid: now, Mzxid: now, Length: int32(len(a.Data))}
	nodes.Put(tx, a.Path, r)
	if len(a.Data) > 0 {
		values.Put(tx, a.Path, a.Data)
	}
	entries.Put(tx, entry, struct{}{})
	directories.Update(tx, parent, changeChild.With(childChange{Zxid: now, Path: int64(len(a.Path))}))
	return stat(r, directory{}), nil
}

func accessDelete(a DeleteArg) ssmr.Access {
	parent, ok := ParentOf(a.Path)
	if !ok || pathFault(a.Path) != "" || a.Path == Root {
		return ssmr.Exactly(nodes.Reads(a.Path))
	}
	return ssmr.Exactly(nodes.Writes(a.Path), values.Writes(a.Path), directories.Writes(a.Path),
		entries.Writes(entryKey(parent, NameOf(a.Path))), directories.Writes(parent))
}

func remove(tx ssmr.Tx, a DeleteArg) (none struct{}, err error) {
	parent, ok := ParentOf(a.Path)
	if !ok || unspeakable(a.Path) || a.Path == Root {
		return none, ErrBadArguments
	}
	r, ok := recordOf(tx, a.Path)
	if !ok {
		return none, ErrNoNode
	}
	if a.Version != AnyVersion && a.Version != r.Version {
		return none, ErrBadVersion
	}
	d, had := directories.Get(tx, a.Path)
	if d.Creates > d.Deletes {
		return none, ErrNotEmpty
	}
	nodes.Delete(tx, a.Path)
	values.Delete(tx, a.Path)
	if had {
		directories.Delete(tx, a.Path)
	}
	entries.Delete(tx, entryKey(parent, NameOf(a.Path)))
	directories.Update(tx, parent,
		changeChild.With(childChange{Zxid: zxid(tx), Path: int64(len(a.Path)), Removed: true}))
	return none, nil
}

func exists(tx ssmr.Tx, path string) (Presence, error) {
	if unspeakable(path) {
		return Presence{}, ErrBadArguments
	}
	s, ok := statOf(tx, path)
	return Presence{Found: ok, Stat: s}, nil
}

func getChildren(tx ssmr.Tx, path string) (Listing, error) {
	if len(path) > MaxPath {
		return Listing{}, ErrBadArguments
	}
	s, ok := statOf(tx, path)
	if !ok {
		return Listing{}, ErrNoNode
	}
	names := make([]string, 0, s.NumChildren)
	for key := range entries.Range(tx, entriesOf(path)) {
		names = append(names, key[len(path)+len(entrySeparator):])
	}
	return Listing{Names: names, Stat: s}, nil
}

func getData(tx ssmr.Tx, path string) (Content, error) {
	if len(path) > MaxPath {
		return Content{}, ErrBadArguments
	}
	s, ok := statOf(tx, path)
	if !ok {
		return Content{}, ErrNoNode
	}
	data, _ := values.Get(tx, path)
	return Content{Data: data, Stat: s}, nil
}

func setData(tx ssmr.Tx, a SetArg) (Stat, error) {
	switch {
	case len(a.Data) > MaxValue:
		return Stat{}, ErrTooLarge
	case pathFault(a.Path) != "":
		return Stat{}, ErrBadArguments
	}
	r, ok := recordOf(tx, a.Path)
	if !ok {
		return Stat{}, ErrNoNode
	}
	if a.Version != AnyVersion && a.Version != r.Version {
		return Stat{}, ErrBadVersion
	}
	r.Mzxid, r.Version, r.Length = zxid(tx), r.Version+1, int32(len(a.Data))
	nodes.Put(tx, a.Path, r)
	if len(a.Data) > 0 {
		values.Put(tx, a.Path, a.Data)
	} else {
		values.Delete(tx, a.Path)
	}
	d, _ := directories.Get(tx, a.Path)
	return stat(r, d), nil
}

// unspeakable says whether a path is refused before anything is looked up,
// where other faults show only afterwards.
func unspeakable(path string) bool {
	return len(path) > MaxPath || strings.IndexByte(path, 0) >= 0
}
