package powercut

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/eyrie-dev/eyrie/internal/testroom"
)

// Disk is a mounted image. Its methods belong to one goroutine.
type Disk struct {
	// Dir is where it is mounted.
	Dir     string
	room    string
	image   string
	mounted bool
}

// NewDisk makes and mounts a disk of so many bytes, which the one below must have
// room for. Disks is to be asked before.
func NewDisk(size int64) (*Disk, error) {
	room, err := os.MkdirTemp(os.Getenv(inside), "disk")
	if err != nil {
		return nil, err
	}
	if err := testroom.Check(room, uint64(size)); err != nil {
		return nil, errors.Join(err, os.Remove(room))
	}
	d := &Disk{Dir: filepath.Join(room, "mnt"), room: room, image: filepath.Join(room, "image")}
	err = errors.Join(os.Mkdir(d.Dir, 0o700), os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, size))
	if err == nil {
		err = run("mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=8", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", d.image)
	}
	if err == nil {
		err = d.Mount()
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Mount mounts the image, with ext4's own recovery if power was cut. The loop
// device goes with the mount.
func (d *Disk) Mount() error {
	if d.mounted {
		return nil
	}
	err := run("mount", "-n", "-t", "ext4", "-o", "loop,noatime,errors=remount-ro", d.image, d.Dir)
	d.mounted = err == nil
	return err
}

// shutdown is EXT4_IOC_SHUTDOWN, and noFlush its EXT4_GOING_FLAGS_NOLOGFLUSH.
const (
	shutdown = 0x8004587d
	noFlush  = 2
)

// CutFrom ends processes that use the disk and cuts its power: from now on no
// write reaches the image. Then they are to be waited for, and the disk is to be
// unmounted. In this order, since ext4 lets a sync that is under way when it is
// shut down return without an error, though what it wrote is gone: a process
// must not live to see it.
func (d *Disk) CutFrom(processes ...*os.Process) error {
	f, err := os.Open(d.Dir)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range processes {
		if err := p.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	flag := uint32(noFlush)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&flag))); errno != 0 {
		return os.NewSyscallError("ext4 shutdown", errno)
	}
	return nil
}

// WriteBack has the kernel write what it would write some time, as it may
// between any two calls of a program.
func (d *Disk) WriteBack() error {
	f, err := os.Open(d.Dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return os.NewSyscallError("syncfs", unix.Syncfs(int(f.Fd())))
}

// Unmount unmounts the disk. Nothing may use it; processes that were killed
// are waited for a little.
func (d *Disk) Unmount() error {
	if !d.mounted {
		return nil
	}
	var err error
	for range 200 {
		if err = unix.Unmount(d.Dir, 0); err != unix.EBUSY {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err != nil {
		return os.NewSyscallError("umount", err)
	}
	d.mounted = false
	return nil
}

// Close unmounts the disk, whoever uses it, and removes the image.
func (d *Disk) Close() error {
	if d.mounted && d.Unmount() != nil {
		if err := unix.Unmount(d.Dir, unix.MNT_DETACH); err != nil {
			return os.NewSyscallError("umount", err)
		}
		d.mounted = false
	}
	return os.RemoveAll(d.room)
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
