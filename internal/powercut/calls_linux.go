package powercut

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Call is one system call of a watched process.
type Call struct {
	Name string
	// Path is the file that it is about.
	Path string
}

// Decide is asked about each watched call, one at a time, in the order in which
// the kernel took them: let it through after a while (error 0), or have it
// fail, without being carried out.
type Decide func(Call) (syscall.Errno, time.Duration)

// calls are those that can be watched.
var calls = map[string]int{
	"fdatasync": unix.SYS_FDATASYNC, "fsync": unix.SYS_FSYNC, "msync": unix.SYS_MSYNC,
	"ftruncate": unix.SYS_FTRUNCATE, "fallocate": unix.SYS_FALLOCATE, "pwrite64": unix.SYS_PWRITE64,
	"renameat": unix.SYS_RENAMEAT, "openat": unix.SYS_OPENAT, "unlinkat": unix.SYS_UNLINKAT,
	"mkdirat": unix.SYS_MKDIRAT, "write": unix.SYS_WRITE,
}

// launch, in the environment, makes Enter the launcher: it has the kernel report
// calls, hands over the descriptor that they are reported on, and becomes the program.
const launch = "EYRIE_POWERCUT_CALLS"

// Start starts cmd with calls on files below dir watched. The watching ends soon
// after the process, and then ended is closed: only after that is what decide
// has noted to be read without a lock, since the process may be gone while
// decide is still asked about its last call. Calls are counted over all
// threads, which strace does not.
func Start(cmd *exec.Cmd, dir string, names []string, decide Decide) (ended <-chan struct{}, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := pair[0], os.NewFile(uintptr(pair[1]), "theirs")
	defer unix.Close(ours)
	defer theirs.Close()
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, launch+"="+strings.Join(names, ","))
	cmd.Args = append([]string{"launcher", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/proc/self/exe"
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	theirs.Close()
	listener, err := receive(ours)
	if err != nil {
		cmd.Process.Kill()
		return nil, errors.Join(fmt.Errorf("%w: watching system calls", ErrUnavailable), err, cmd.Wait())
	}
	w := &watcher{fd: listener, dir: dir, decide: decide, names: map[int32]string{}, ended: make(chan struct{})}
	for _, n := range names {
		w.names[int32(calls[n])] = n
	}
	go w.run()
	return w.ended, nil
}

func receive(socket int) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, os.NewSyscallError("recvmsg", err)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) != 1 {
		return 0, errors.New("the launcher has sent no descriptor")
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil {
		return 0, err
	}
	return fds[0], nil
}

// launcher does not return unless it fails.
func launcher(names string) error {
	runtime.LockOSThread()
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // the call's number
	for name := range strings.SplitSeq(names, ",") {
		nr, ok := calls[name]
		if !ok {
			return fmt.Errorf("no system call %q", name)
		}
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(nr), Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	// Without the last flag a signal of Go's scheduler would begin a call again.
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	if err := unix.Sendmsg(3, []byte{0}, unix.UnixRights(int(fd)), nil, 0); err != nil {
		return os.NewSyscallError("sendmsg", err)
	}
	unix.CloseOnExec(3)
	os.Unsetenv(launch)
	return os.NewSyscallError("execve", syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
}

// watcher answers the kernel's questions.
type watcher struct {
	fd     int
	dir    string
	decide Decide
	names  map[int32]string
	ended  chan struct{}
	late   sync.WaitGroup // answers that are given after a while
}

// notification and response are seccomp_notif and seccomp_notif_resp.
type notification struct {
	id    uint64
	tid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type response struct {
	id    uint64
	value int64
	err   int32
	flags uint32
}

func (w *watcher) run() {
	defer func() {
		close(w.ended)
		w.late.Wait() // else they would be given on whatever has the descriptor next
		unix.Close(w.fd)
	}()
	for {
		poll := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil && err != unix.EINTR {
			return
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			if poll[0].Revents != 0 {
				return // the process has ended
			}
			continue
		}
		var n notification
		if w.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)) != 0 {
			continue // its thread has been killed
		}
		r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		c := Call{Name: w.names[n.nr], Path: path(&n)}
		if strings.HasPrefix(c.Path, w.dir+"/") || c.Path == w.dir {
			errno, after := w.decide(c)
			if errno != 0 {
				r.flags, r.err = 0, -int32(errno)
			}
			if after > 0 {
				w.late.Add(1)
				time.AfterFunc(after, func() {
					defer w.late.Done()
					w.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
				})
				continue
			}
		}
		w.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
	}
}

func (w *watcher) ioctl(request uint, arg unsafe.Pointer) syscall.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(w.fd), uintptr(request), uintptr(arg))
	return errno
}

// path is the file that a call is about.
func path(n *notification) string {
	switch int(n.nr) {
	case unix.SYS_MSYNC:
		return mapped(n.tid, n.args[0])
	case unix.SYS_OPENAT, unix.SYS_UNLINKAT, unix.SYS_MKDIRAT, unix.SYS_RENAMEAT:
		name := text(n.tid, n.args[1])
		if strings.HasPrefix(name, "/") {
			return name
		}
		from := fmt.Sprintf("/proc/%d/cwd", n.tid)
		if fd := int32(n.args[0]); fd != unix.AT_FDCWD {
			from = fmt.Sprintf("/proc/%d/fd/%d", n.tid, fd)
		}
		base, _ := os.Readlink(from)
		return filepath.Join(base, name)
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.tid, int32(n.args[0])))
	if err != nil {
		return "?"
	}
	return strings.TrimSuffix(name, " (deleted)")
}

// mapped is the file that another process has mapped at an address.
func mapped(tid uint32, at uint64) string {
	maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", tid))
	for line := range strings.Lines(string(maps)) {
		var from, to, off, inode uint64
		var mode, device, name string
		if _, err := fmt.Sscanf(line, "%x-%x %s %x %s %d %s", &from, &to, &mode, &off, &device, &inode, &name); err == nil && from <= at && at < to {
			return name
		}
	}
	return "?"
}

// text reads a C string of another process.
func text(tid uint32, at uint64) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", tid))
	if err != nil {
		return "?"
	}
	defer f.Close()
	b := make([]byte, unix.PathMax)
	n, _ := f.ReadAt(b, int64(at))
	s, _, _ := strings.Cut(string(b[:n]), "\x00")
	return s
}
