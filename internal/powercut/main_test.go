package powercut

import (
	"os"
	"testing"
)

// children are what this program is, besides a test, when it is started with
// childEnv: programs whose disk loses power, or whose system calls fail.
var children = map[string]func(args []string) int{}

const childEnv = "EYRIE_POWERCUT_CHILD"

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childEnv)]; child != nil && os.Getenv(launch) == "" {
		os.Exit(child(os.Args[1:]))
	}
	code, done := Enter()
	if !done {
		code = m.Run()
	}
	os.Exit(code)
}
