package testroom

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	if err := Check(dir, 1); err != nil {
		t.Error(err)
	}
	err := Check(dir, 1<<60)
	if err == nil || !strings.Contains(err.Error(), "needs 1152921504606 MB in "+dir) || !strings.Contains(err.Error(), "go clean -cache") {
		t.Errorf("%v", err)
	}
	if err := Check(dir+"/none", 1); err == nil {
		t.Error("a folder that is not there has room")
	}
}
