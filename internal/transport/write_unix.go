//go:build unix

package transport

import (
	"net"
	"syscall"
)

// rawWriter writes to a socket what it takes without waiting.
type rawWriter struct {
	raw syscall.RawConn
	// The call's arguments and results: step is made once, so that a write
	// allocates nothing. Only the holder of the link's right to write uses
	// them.
	ps   [][]byte
	n    int
	err  error
	step func(fd uintptr) bool
}

func (w *rawWriter) init(c net.Conn) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return // every write is handed over
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	w.raw = raw
	w.step = func(fd uintptr) bool {
		for {
			if len(w.ps) == 1 {
				w.n, w.err = writeOne(fd, w.ps[0])
			} else {
				w.n, w.err = writeAll(fd, w.ps)
			}
			if w.err != syscall.EINTR {
				return true
			}
		}
	}
}

// try writes as much of the pieces as fits, maybe nothing.
func (w *rawWriter) try(ps [][]byte) (int, error) {
	if w.raw == nil {
		return 0, nil
	}
	w.ps = ps
	err := w.raw.Write(w.step)
	w.ps = nil
	if err == nil {
		err = w.err
	}
	if err == syscall.EAGAIN {
		return 0, nil
	}
	return max(0, w.n), err
}
