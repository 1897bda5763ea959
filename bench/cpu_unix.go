//go:build unix

package bench

import (
	"syscall"
	"time"
)

// OwnCPU is the user and system time of this process so far; zero where it is
// not known.
func OwnCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
