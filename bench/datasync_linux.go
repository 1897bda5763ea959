package bench

import (
	"os"
	"syscall"
)

// datasync makes what was written to a file durable. Of its metadata, it may
// leave out what is not needed to read that.
func datasync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
