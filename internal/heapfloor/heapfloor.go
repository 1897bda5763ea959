// Package heapfloor has the garbage collector run less often in processes that
// hold little.
package heapfloor

import (
	"fmt"
	"os"
	"sync/atomic"
)

// size counts as live, and so lets garbage of as much come together before it is
// collected: with a state of a few megabytes, which most begin with, the collector
// would run hundreds of times a second under load.
const size = 32 << 20

// floor is never touched, so it takes address space, and no memory of its own.
var floor atomic.Pointer[[size]byte]

// Raise is for processes that serve, and for those that measure what serves, peers
// included. Whoever sets the collector's own variables has the last word. It is
// safe for concurrent use, and has effect once.
func Raise() {
	if !overruled() && floor.Load() == nil {
		floor.CompareAndSwap(nil, new([size]byte))
	}
}

func overruled() bool { return os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" }

// Describe says for people, after the collector's settings, what Raise adds.
func Describe() string {
	if overruled() {
		return ""
	}
	return fmt.Sprintf(" and %d MiB more counted as live", size>>20)
}
