package volery

import "errors"

// Stat is what the service knows of a node beside its value: ZooKeeper's
// fields, with its meaning.
//
// A zxid is the final timestamp of the command that made a change, in
// microseconds since the Unix epoch; so Ctime and Mtime follow from Czxid and
// Mzxid. Zxids of changes to one node never fall, and one command has the same
// zxid at every partition. Two different commands may share one, so tell
// changes of the children apart by Cversion rather than by Pzxid. Zxids of
// nodes in different partitions follow causality, not real time.
type Stat struct {
	Czxid int64 // of the create
	Mzxid int64 // of the last change of the value, the create included
	Pzxid int64 // of the last create or delete of a child, or Czxid
	Ctime int64 // Czxid in milliseconds since the Unix epoch
	Mtime int64 // Mzxid in milliseconds since the Unix epoch
	// Version counts changes of the value since the create.
	Version int32
	// Cversion counts creates and deletes of children.
	Cversion    int32
	DataLength  int32
	NumChildren int32
}

// record is a node without its value and its directory: what a Delete ships
// to the parent's partition, and a Create to the child's.
type record struct {
	Czxid, Mzxid int64
	Version      int32
	Length       int32
}

// directory is what a node knows of its children in sum. It is absent as long
// as the node has had none.
//
// Invariant: Creates - Deletes is the number of the node's child entries, and
// List the sum of their paths' lengths and ListOverhead.
type directory struct {
	// Creates is ZooKeeper's sequence counter: it never falls.
	Creates, Deletes int64
	Pzxid            int64
	List             int64
}

// stat puts together what the two parts know.
func stat(r record, d directory) Stat {
	return Stat{
		Czxid: r.Czxid, Mzxid: r.Mzxid, Pzxid: max(r.Czxid, d.Pzxid),
		Ctime: r.Czxid / 1000, Mtime: r.Mzxid / 1000,
		Version: r.Version, Cversion: int32(d.Creates + d.Deletes),
		DataLength: r.Length, NumChildren: int32(d.Creates - d.Deletes),
	}
}

// errRecord is a stored value or a message that is not what it should be.
var errRecord = errors.New("volery: malformed record")
