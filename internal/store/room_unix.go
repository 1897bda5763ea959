//go:build unix

package store

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Free is the room on dir's disk that this user may fill, in bytes.
func Free(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("store: %s: %w", dir, err)
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil
}
