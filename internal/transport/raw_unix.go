//go:build unix && (!linux || race)

package transport

import "syscall"

func readOne(fd int, b []byte) (int, error) { return syscall.Read(fd, b) }

func writeOne(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }
