//go:build unix

package main

import "syscall"

// descriptorLimit is how many files this process may have open, 0 if that is not known. Go
// has raised the soft limit to the hard one before main began.
func descriptorLimit() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return uint64(l.Cur)
}
