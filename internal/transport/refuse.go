package transport

import (
	"errors"
	"fmt"
)

// A handshake that fails because the other side said no ends in an error that
// wraps ErrRefused, one of the reasons below it, and the other side's words.
var (
	ErrRefused = errors.New("connection refused by the other side")

	// ErrVersion: the two speak different versions of the protocol.
	ErrVersion = errors.New("other protocol version")
	// ErrCluster: the two are configured for different clusters.
	ErrCluster = errors.New("other cluster")
	// ErrService: same cluster, but the two hold different services.
	ErrService = errors.New("other service")
	// ErrLayout: same cluster and service, but the two are configured with
	// other partitions, replicas, times or ways of execution, or one keeps its
	// state on a disk and the other in memory.
	ErrLayout = errors.New("other cluster configuration")
	// ErrDuplicate: another life of a process with this id is connected
	// and alive.
	ErrDuplicate = errors.New("duplicate process id")
	// ErrProcess: the address leads to another process than was meant, or
	// the caller's id is not in the cluster's configuration.
	ErrProcess = errors.New("unexpected process")
	// ErrBusy: the limit of clients is reached.
	ErrBusy = errors.New("too many clients")
	// ErrHandshake: what came is not a handshake of any version.
	ErrHandshake = errors.New("not a handshake")
	// ErrStranger: another program has the address of a process.
	ErrStranger = errors.New("something that is not Eyrie answers")
	// ErrClosed: the transport has been closed.
	ErrClosed = errors.New("transport closed")
)

// refusal codes on the wire. Invariant: numbers never change their meaning,
// in any version; an unknown one is a refusal for the reason in its text.
var refusals = []error{nil, ErrVersion, ErrCluster, ErrService, ErrDuplicate, ErrProcess, ErrBusy, ErrLayout}

// refusal is why this side refuses, or the other side has refused.
type refusal struct {
	code   uint8
	reason string
}

func refuse(why error, format string, args ...any) *refusal {
	for code, err := range refusals {
		if err == why {
			return &refusal{code: uint8(code), reason: fmt.Sprintf(format, args...)}
		}
	}
	panic("transport: refusal without a code")
}

// Error is for the side that refuses.
func (r *refusal) Error() string { return r.reason }

// heard is the error at the side that has been refused.
func (r *refusal) heard() error {
	if int(r.code) < len(refusals) && refusals[r.code] != nil {
		return fmt.Errorf("%w: %w: %s", ErrRefused, refusals[r.code], r.reason)
	}
	return fmt.Errorf("%w: %s", ErrRefused, r.reason)
}
