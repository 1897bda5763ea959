//go:build unix && !linux

package transport

import "syscall"

// writeAll makes one write, of the first of several pieces: the caller goes on
// with the others.
func writeAll(fd uintptr, ps [][]byte) (int, error) { return syscall.Write(int(fd), ps[0]) }
