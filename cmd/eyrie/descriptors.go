package main

import (
	"errors"
	"fmt"
)

// errDescriptors: a cluster in one process needs more open files than it may have.
var errDescriptors = errors.New("too few open files are allowed")

// descriptors is about how many open files n processes of a cluster need in this one: both
// ends of a connection each way between any two, what each has open on its disk, and
// some for clients and the page.
func descriptors(n int) uint64 { return uint64(2*n*n + 16*n + 64) }

// roomForAll says whether n processes of a cluster may run in this one: without it they
// would begin, and fail somewhere. limit is what is allowed, 0 if that is not known.
func roomForAll(n int, limit uint64) error {
	need := descriptors(n)
	if limit == 0 || need <= limit {
		return nil
	}
	most := 0
	for descriptors(most+1) <= limit {
		most++
	}
	return fmt.Errorf("%w: %d processes in one need about %d, and the limit is %d (RLIMIT_NOFILE), enough for %d\n  Raise it (ulimit -Hn), give fewer --partitions or --replicas, or run each process by itself: eyrie init, eyrie node",
		errDescriptors, n, need, limit, most)
}
