package ssmr

import (
	"math/rand/v2"
	"time"

	"github.com/eyrie-dev/eyrie/partition"
)

// Tx is a command's view of the state while it runs. Collections read and
// write through it. It is valid until the command's code returns and must not
// leave the goroutine that runs the code.
//
// Command code must be deterministic: what it does may depend only on its
// argument, on what it reads through the Tx, and on Now and Rand. Goroutines,
// clocks, global randomness and the order in which Go walks a map have no
// place in it. Where commands are executed optimistically too, an execution that
// counts for nothing may see values together that never were so: it may panic or
// fail, but must end, so loops should not depend on what holds between variables
// alone, without touching the Tx.
type Tx struct {
	tx partition.Tx
	of *binding
}

// Now is the command's final timestamp: the same at every replica, with a
// microsecond's resolution, in UTC. Of two commands that share a partition the
// later one has the later or equal Now.
func (t Tx) Now() time.Time { return time.UnixMicro(int64(t.tx.Now())).UTC() }

// Rand is a source of random numbers seeded by the command's identity: the
// same numbers at every replica. It is not fit for secrets.
func (t Tx) Rand() *rand.Rand { return rand.New(source{t.tx}) }

type source struct{ tx partition.Tx }

func (s source) Uint64() uint64 { return s.tx.Rand() }
