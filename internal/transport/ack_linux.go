package transport

import "syscall"

// delayAcks has the kernel wait a little with acknowledgements, as it does where
// it expects an answer to go back over the same connection. Between processes
// there is one connection each way, so else it acknowledges each small segment by
// itself as soon as that is read: half of all segments at one message at a time.
// The kernel forgets it whenever it has waited in vain, so it is to be repeated.
func (w *rawWriter) delayAcks() {
	if w.raw != nil {
		// An error is the connection's end, which its reader sees.
		_ = w.raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 0)
		})
	}
}
