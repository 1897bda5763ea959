//go:build unix

package transport

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// run reads and handles until there is an error. Over a hot connection it does
// without the read that finds nothing, which else precedes every wait: a read
// that leaves room has taken all there was, and whatever comes later wakes the
// poller anew. At one message at a time that was a quarter of all system calls.
//
// It only may since what was read is handled before the poller is asked again,
// within one call of Read: that forgets, when it begins, what the poller has
// said. And the other side's end, if it comes together with the last bytes, is no
// news to the poller: it is found by the read that the watch has made when
// the connection is hot no more (see conn.cool).
func (in *intake) run() error {
	if in.c.raw.raw == nil {
		return in.again()
	}
	var end error
	step := func(fd uintptr) (done bool) {
		done, end = in.step(int(fd))
		return done
	}
	for {
		err := in.c.raw.raw.Read(step)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = in.c.SetReadDeadline(time.Time{})
		case err == nil:
			err = end
		}
		if err != nil {
			return err
		}
	}
}

// step reads once and handles that. It is done unless the poller is to be waited for.
func (in *intake) step(fd int) (done bool, err error) {
	b, err := in.f.space()
	if err != nil {
		return true, err
	}
	n, err := readOne(fd, b)
	switch {
	case err == syscall.EINTR:
		return true, nil
	case err == syscall.EAGAIN:
		return false, nil
	case err != nil:
		return true, os.NewSyscallError("read", err)
	case n == 0:
		return true, io.EOF
	}
	in.f.took(n)
	if err := in.handle(n); err != nil {
		return true, err
	}
	return n == len(b) || !in.c.hot.Load(), nil
}
