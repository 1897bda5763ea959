// Package testroom says, for tests, whether a disk has the room that they need:
// what they would say of a disk that fills up meanwhile is hard to understand.
package testroom

import (
	"fmt"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// A durable process refuses commands below 384 MiB of free room, whatever it
// needs itself, which is two segments of its journal and two checkpoints.
const (
	common     = 512 << 20
	perProcess = 128 << 20
)

// Processes ends the test unless there is room at dir for so many durable
// processes with little state.
func Processes(t testing.TB, dir string, n int) {
	t.Helper()
	if err := Check(dir, common+uint64(n)*perProcess); err != nil {
		t.Fatal(err)
	}
}

// Check says what is to be done if a disk has less free room than so many bytes.
func Check(dir string, bytes uint64) error {
	fs, err := vfs.OS(dir)
	if err != nil {
		return err
	}
	free, err := fs.Free(".")
	if err != nil {
		return err
	}
	if free < bytes {
		return fmt.Errorf("needs %d MB in %s, there are %d: make room, e.g. go clean -cache", bytes/1e6, dir, free/1e6)
	}
	return nil
}
