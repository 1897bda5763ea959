package finetimer

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// descriptor is a timerfd, read by a goroutine that waits in the runtime's
// poller and so holds no thread.
type descriptor struct {
	file *os.File
	raw  syscall.RawConn
	// Of set, whose call is made once, so that setting the timer allocates nothing.
	spec  [2]syscall.Timespec // interval, value
	errno syscall.Errno
	call  func(fd uintptr)
}

// Of timerfd_create(2).
const (
	clockMonotonic = 1
	flags          = syscall.O_NONBLOCK | syscall.O_CLOEXEC
)

func (f *descriptor) open(fire func()) {
	fd, _, e := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, flags, 0)
	if e != 0 {
		return
	}
	file := os.NewFile(fd, "timer")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return
	}
	f.file, f.raw = file, raw
	f.call = func(fd uintptr) {
		_, _, f.errno = syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&f.spec)), 0, 0, 0)
	}
	go func() {
		var expirations [8]byte
		for {
			if _, err := file.Read(expirations[:]); err != nil {
				return
			}
			fire()
		}
	}()
}

// set arms the timer, or with zero disarms it; false if there is none.
func (f *descriptor) set(d time.Duration) bool {
	if f.file == nil {
		return false
	}
	f.spec[1] = syscall.NsecToTimespec(int64(d))
	err := f.raw.Control(f.call)
	return err == nil && f.errno == 0
}

func (f *descriptor) close() {
	if f.file != nil {
		f.file.Close()
	}
}
