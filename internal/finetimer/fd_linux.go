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
	spec [2]syscall.Timespec // interval, value
	call func(fd uintptr)
}

// Of timerfd_create(2).
const (
	clockMonotonic = 1
	flags          = syscall.O_NONBLOCK | syscall.O_CLOEXEC
)

// open says whether there is a timer now, which calls fire.
func (f *descriptor) open(fire func()) bool {
	fd, _, e := syscall.RawSyscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, flags, 0)
	if e != 0 {
		return false
	}
	file := os.NewFile(fd, "timer")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return false
	}
	f.file, f.raw = file, raw
	f.call = func(fd uintptr) {
		syscall.RawSyscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&f.spec)), 0, 0, 0)
	}
	go func() {
		// Calls that do not wait are made without telling the runtime's scheduler,
		// which would wake its monitor. A read that has found something is followed
		// by a wait at once: whatever expires later wakes the poller anew.
		_ = raw.Read(func(fd uintptr) (done bool) {
			var expirations [8]byte
			for {
				_, _, e := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&expirations)), uintptr(len(expirations)))
				switch e {
				case 0:
					fire()
					return false
				case syscall.EAGAIN:
					return false
				case syscall.EINTR:
				default:
					return true
				}
			}
		})
	}()
	return true
}

// set arms the timer. An error would be that of a closed one.
func (f *descriptor) set(d time.Duration) {
	f.spec[1] = syscall.NsecToTimespec(int64(d))
	_ = f.raw.Control(f.call)
}

func (f *descriptor) close() { f.file.Close() }
