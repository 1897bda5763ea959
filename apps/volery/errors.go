package volery

import "github.com/eyrie-dev/eyrie/ssmr"

// The errors of the service, as ZooKeeper names them. A failed command
// changed nothing. Test for them with errors.Is. They are replies of the service,
// each in its place in the order; only what exceeds a limit never leaves the
// client.
var (
	// ErrNoNode: there is no node at the path, or, for Create, at its parent.
	ErrNoNode = ssmr.NewError("no node", "no node")
	// ErrNodeExists: Create found a node at the path.
	ErrNodeExists = ssmr.NewError("node exists", "node exists")
	// ErrBadVersion: the node's version is not the one that SetData or
	// Delete asked for.
	ErrBadVersion = ssmr.NewError("bad version", "bad version")
	// ErrNotEmpty: Delete found children.
	ErrNotEmpty = ssmr.NewError("not empty", "not empty")
	// ErrBadArguments: the path breaks the rules (see CheckPath), or the
	// root was to be deleted.
	ErrBadArguments = ssmr.NewError("bad arguments", "bad arguments")
	// ErrTooLarge: the value is longer than MaxValue. Split it.
	ErrTooLarge = ssmr.NewError("value too large", "value too large")
	// ErrTooManyChildren: the parent's list of children would exceed
	// MaxList. Spread the children over several parents.
	ErrTooManyChildren = ssmr.NewError("too many children", "too many children")
)

// Limits, part of the service's behaviour: every replica must have the same.
const (
	// MaxValue is how many bytes a node may hold: ZooKeeper's default.
	MaxValue = 1 << 20
	// MaxPath is how many bytes a path may have.
	MaxPath = 8 << 10
	// MaxList bounds the children of one node, so that one command can list
	// them: the sum over the children of their path's length and
	// ListOverhead. It is room for some 30,000 paths of forty bytes, and for
	// no more than 62,000 however short they are.
	MaxList = 2 << 20
	// ListOverhead is what a child costs in MaxList beside its path.
	ListOverhead = 32
)

// AnyVersion as the version of SetData or Delete accepts every version.
const AnyVersion int32 = -1
