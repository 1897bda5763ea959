//go:build !race

package transport

import (
	"syscall"
	"unsafe"
)

// Reads and writes of sockets do not wait here, and so are made without telling the
// scheduler of the runtime, which makes ready for a call that may: in a process that
// was asleep it wakes its monitor, a thread that then naps for 20 us at a time until
// all is quiet again. That was two of five microseconds of an idle process. What a
// call costs is a copy of at most a megabyte; the collector waits for that long.
// The race detector knows what passes between goroutines by a socket only from the
// calls of package syscall, so they are made in its builds.

func readOne(fd int, b []byte) (int, error) {
	return result(syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))))
}

func writeOne(fd uintptr, b []byte) (int, error) {
	return result(syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))))
}
