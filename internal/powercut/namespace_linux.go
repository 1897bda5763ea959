package powercut

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// inside names, in the environment, the directory for images of a program that
// Enter has started again.
const inside = "EYRIE_POWERCUT_ROOM"

// Enter is to be called first in TestMain. It runs this program again in a mount
// namespace of its own, with a file system in memory for the images, and
// returns its exit code. So, however the tests end, the kernel takes back
// mounts, loop devices and images. It returns false where the program is to go
// on: it has been started again already, or cannot be.
//
// It is also what Start makes of this program before it becomes another.
func Enter() (code int, done bool) {
	if names := os.Getenv(launch); names != "" {
		fmt.Fprintln(os.Stderr, launcher(names))
		return 1, true
	}
	if os.Getenv(inside) != "" || Disks() != nil && !errors.Is(Disks(), errOutside) {
		return 0, false
	}
	room, err := os.MkdirTemp("", "eyrie-powercut")
	if err != nil {
		return 0, false
	}
	defer os.Remove(room)
	runtime.LockOSThread() // the child ends with this thread
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"="+room)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, false // a namespace is not given to everybody
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() < 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return cmd.ProcessState.ExitCode(), true
}

// errOutside: Enter has not been called, or could not.
var errOutside = fmt.Errorf("%w: there is no mount namespace of the test's own", ErrUnavailable)

// Disks says why there can be no Disk here; nil if there can.
func Disks() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: mounting needs root", ErrUnavailable)
	}
	for _, tool := range []string{"mkfs.ext4", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: %s is not installed", ErrUnavailable, tool)
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return fmt.Errorf("%w: there are no loop devices", ErrUnavailable)
	}
	if os.Getenv(inside) == "" {
		return errOutside
	}
	return prepared()
}

// memory bounds what all images of a program may take; most of an image is a hole.
const memory = "size=3g"

// prepared mounts the room for images, once.
func prepared() error {
	var st unix.Statfs_t
	room := os.Getenv(inside)
	if err := unix.Statfs(room, &st); err == nil && st.Type == unix.TMPFS_MAGIC && exists(filepath.Join(room, "ours")) {
		return nil
	}
	if err := unix.Mount("eyrie", room, "tmpfs", 0, memory); err != nil {
		return fmt.Errorf("%w: mounting a tmpfs: %w", ErrUnavailable, err)
	}
	return os.Mkdir(filepath.Join(room, "ours"), 0o700)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
