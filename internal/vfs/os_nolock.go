//go:build !(linux || darwin || freebsd || dragonfly)

package vfs

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// lock refuses: two processes on one journal would destroy it.
func lock(*os.File) error {
	return fmt.Errorf("file locks on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func room(*os.File) (uint64, error) {
	return 0, fmt.Errorf("free room on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
