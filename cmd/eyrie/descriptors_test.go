package main

import (
	"errors"
	"strings"
	"testing"
)

// A cluster that would run out of open files is refused before it begins, with what to do.
func TestRoomForAll(t *testing.T) {
	for _, n := range []int{1, 6, 15} {
		if err := roomForAll(n, 1024); err != nil {
			t.Errorf("%d processes: %v", n, err)
		}
	}
	err := roomForAll(198, 20000)
	if !errors.Is(err, errDescriptors) || !strings.Contains(err.Error(), "198 processes in one need about 81640, and the limit is 20000 (RLIMIT_NOFILE), enough for 95\n") {
		t.Error(err)
	}
	if err := roomForAll(1024, 0); err != nil {
		t.Error("unknown limit:", err)
	}
}
