package volery

import (
	"strings"

	"github.com/eyrie-dev/eyrie/ssmr"
)

// The variables of the service. A node's own variables live at the place of
// its path, and its child entries with them; so all that concerns one node
// alone is one partition's affair, and a child's create or delete concerns two.
//
// They are cut so that what the two tell each other stays small: values and
// lists of children are never read by a command of two partitions.
//
// Invariant, between any two commands: a node other than the root has a record
// iff its parent has an entry for it; a node with entries has a record.
var (
	// nodes: path -> what a node is. The root's is absent until its value is
	// first set, and means the zero record.
	nodes = ssmr.NewCollection[string, record]("nodes", ssmr.PlacedBy(Place))
	// values: path -> the node's value; absent for an empty one.
	values = ssmr.NewCollection[string, []byte]("values", ssmr.PlacedBy(Place), ssmr.Immutable())
	// directories: path -> the sums over the node's children; absent as long
	// as it has had none.
	directories = ssmr.NewCollection[string, directory]("directories", ssmr.PlacedBy(Place))
	// entries: one for each child of each node, at the parent's place. In
	// key order the children of a node stand together, sorted by name.
	entries = ssmr.NewCollection[string, struct{}]("entries", ssmr.PlacedBy(placeEntry))
)

// entrySeparator stands between parent and name in an entry's key. No path
// holds it, so no node's entries lie among another's.
const entrySeparator = "\x00"

func entryKey(parent, name string) string { return parent + entrySeparator + name }

func placeEntry(key string) string {
	parent, _, _ := strings.Cut(key, entrySeparator)
	return Place(parent)
}

func entriesOf(path string) ssmr.Span[string] {
	return entries.Prefix(entryKey(path, "")).At(nodes.PlaceOf(path))
}

// recordOf is a node's record, or false if there is no such node.
func recordOf(tx ssmr.Tx, path string) (record, bool) {
	r, ok := nodes.Get(tx, path)
	return r, ok || path == Root
}

// statOf is a node's Stat, or false if there is no such node. It needs read
// access to record and directory.
func statOf(tx ssmr.Tx, path string) (Stat, bool) {
	r, ok := recordOf(tx, path)
	if !ok {
		return Stat{}, false
	}
	d, _ := directories.Get(tx, path)
	return stat(r, d), true
}

// zxid is the running command's.
func zxid(tx ssmr.Tx) int64 { return tx.Now().UnixMicro() }

// childChange is what a create or delete does to the parent's directory.
type childChange struct {
	Zxid    int64
	Path    int64 // the length of the child's path
	Removed bool
}

// changeChild applies a childChange where the directory lives: a delete need
// not know the parent's sums.
var changeChild = ssmr.NewOperation("change child",
	func(d directory, _ bool, c childChange) directory {
		if c.Removed {
			d.Deletes++
			d.List -= c.Path + ListOverhead
		} else {
			d.Creates++
			d.List += c.Path + ListOverhead
		}
		d.Pzxid = max(d.Pzxid, c.Zxid)
		return d
	})
