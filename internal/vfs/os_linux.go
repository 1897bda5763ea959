package vfs

import (
	"errors"
	"os"
	"syscall"
)

// dataSync leaves out times of access and change, which nobody reads.
func dataSync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

func syncDir(f *os.File) error { return f.Sync() }

func allocate(f *os.File, from, size int64) error {
	for {
		err := syscall.Fallocate(int(f.Fd()), 0, from, size)
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EOPNOTSUPP, syscall.ENOSYS:
			return errors.ErrUnsupported
		}
		return os.NewSyscallError("fallocate", err)
	}
}

// settle has what was written go to the disk and waits for that, without making
// it durable: the whole at once would keep others' syncs waiting.
func settle(f *os.File, from, size int64) error {
	const beforeWriteAfter = 1 | 2 | 4 // SYNC_FILE_RANGE_WAIT_BEFORE, WRITE, WAIT_AFTER
	for {
		err := syscall.SyncFileRange(int(f.Fd()), from, size, beforeWriteAfter)
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EINVAL, syscall.ENOSYS, syscall.ESPIPE, syscall.EOPNOTSUPP:
			return nil // not here
		}
		return os.NewSyscallError("sync_file_range", err)
	}
}
