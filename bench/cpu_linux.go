package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuOf is the user and system time of a process so far; zero if it is no more.
func cpuOf(pid int) time.Duration {
	const scheduled = 2 // CPUCLOCK_SCHED: what clock_getcpuclockid makes of a pid
	var t unix.Timespec
	if unix.ClockGettime(int32(^pid)<<3|scheduled, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
