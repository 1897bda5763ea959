package partition

import (
	"errors"
	"strings"
	"testing"
)

// A name that no store of checkpoints takes is refused to the command that
// would write it, at all destinations alike: it would stop every replica, and
// again each time that they come back to it.
func TestLongNames(t *testing.T) {
	for _, x := range []struct {
		op   opcode
		size int
		want string
	}{
		{opPut, MaxName, "1000:ok"}, {opPut, MaxName + 1, "1000:failed (eyrie.budget)"},
		{opUpdate, MaxName + 1, "1000:failed (eyrie.budget)"}, {opGet, MaxName + 1, "1000:ok"},
	} {
		l := newLab(t, 2, 1, durable)
		k := Key{colHash, strings.Repeat("\x00", x.size)}
		l.deliver(l.op(1000, exactly(instr{op: x.op, key: k}), 0, 1), 1, 2)
		l.pass(nil)
		l.expect(x.want)
	}
	b := NewBuilder(newLab(t, 1, 1).node(1).config)
	key := appendVariableKey(nil, colHash, strings.Repeat("x", MaxName+1))
	if err := b.Add([]StateItem{{Key: key}}); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("a checkpoint with such a name: %v", err)
	}
	b.r.Close()
}
