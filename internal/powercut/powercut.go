// Package powercut has real disks that lose power and real system calls that
// fail, for tests: what package vfs simulates, done to the kernel.
//
// A disk is an image file with an ext4 file system that is mounted through a
// loop device. Cut shuts the file system down as it is, without its own log's
// last entries: what was not synced is gone, what was written but not yet
// committed may be. Mounting it again replays ext4's log, as after a power cut.
// It is a cut as the file system sees it; a drive that loses what it has
// confirmed is simulated by vfs.Mem.
//
// Faults makes chosen system calls of another process fail, each counted over
// all of the process's threads.
//
// Both need Linux, disks root too. A test asks Disks and Calls first and skips
// itself with the answer.
package powercut

import "errors"

// ErrUnavailable is wrapped by reasons why something cannot be done here.
var ErrUnavailable = errors.New("not possible here")
