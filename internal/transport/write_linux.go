package transport

import (
	"syscall"
	"unsafe"
)

// maxPieces bounds the pieces of one system call.
const maxPieces = 64

// writeAll makes one write of several pieces.
func writeAll(fd uintptr, ps [][]byte) (int, error) {
	var room [maxPieces]syscall.Iovec
	vs := room[:0]
	for _, p := range ps[:min(len(ps), maxPieces)] {
		v := syscall.Iovec{Base: &p[0]}
		v.SetLen(len(p))
		vs = append(vs, v)
	}
	return result(syscall.RawSyscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&vs[0])), uintptr(len(vs))))
}

func result(n, _ uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
