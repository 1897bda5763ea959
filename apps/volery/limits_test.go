package volery

import (
	"testing"

	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// The limits stand before those of the framework, so that a caller is told
// which of them it met: ErrTooManyChildren at the create, and not ErrBudget at
// every later listing.
func TestLimitsFitTheBudget(t *testing.T) {
	budget := partition.DefaultTuning()
	const few = 1 << 10 // Stat, record, sums; the calls beside the range
	shortest := len("/a")
	if n := MaxList/(ListOverhead+shortest) + few; n > budget.MaxAccesses {
		t.Errorf("a full list takes %d accesses of %d", n, budget.MaxAccesses)
	}
	// An entry's name in the state is one byte longer than the child's path;
	// in the reply it is at most the path and two bytes of length.
	if n := 2*MaxList + few; n-MaxList/(ListOverhead+MaxPath)*(ListOverhead-3) > budget.MaxBytes {
		t.Errorf("a full list takes %d bytes of %d", n, budget.MaxBytes)
	}
	if n := 2*MaxValue + MaxPath + few; n > budget.MaxBytes {
		t.Errorf("a full value takes %d bytes of %d", n, budget.MaxBytes)
	}
	if n := MaxValue + MaxPath + few; n > ridge.DefaultTuning().MaxMessage {
		t.Errorf("a full value takes a message of %d bytes of %d", n, ridge.DefaultTuning().MaxMessage)
	}
}
