//go:build !linux

package vfs

import (
	"errors"
	"os"
	"runtime"
)

func dataSync(f *os.File) error { return f.Sync() }

// syncDir: Windows has no such thing; its metadata is journalled.
func syncDir(f *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return f.Sync()
}

func allocate(*os.File, int64, int64) error { return errors.ErrUnsupported }

// settle is for systems that can write a part of a file without a sync.
func settle(*os.File, int64, int64) error { return nil }
