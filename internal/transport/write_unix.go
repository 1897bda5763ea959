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
	b    []byte
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
			w.n, w.err = syscall.Write(int(fd), w.b)
			if w.err != syscall.EINTR {
				return true
			}
		}
	}
}

// try writes as much of b as fits, maybe nothing.
func (w *rawWriter) try(b []byte) (int, error) {
	if w.raw == nil {
		return 0, nil
	}
	w.b = b
	err := w.raw.Write(w.step)
	w.b = nil
	if err == nil {
		err = w.err
	}
	if err == syscall.EAGAIN {
		return 0, nil
	}
	return max(0, w.n), err
}
