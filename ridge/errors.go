package ridge

import "errors"

// Errors that Core.Err wraps.
var (
	// ErrLost: this process was away for so long that what it lacks is
	// forgotten everywhere (Core.Lost). Only a state from another replica can
	// bring it back: who cannot fetch one stops with this error.
	ErrLost = errors.New("ridge: what this replica has not yet delivered is trimmed at all acceptors, because f+1 replicas of every partition have delivered it; " +
		"it was away or too slow for longer than MaxLogBytes and MaxLogCount cover: remove it, or start the cluster anew; larger bounds tolerate longer absences")
	// ErrRecord: the journal holds what this version never wrote there for this
	// process.
	ErrRecord = errors.New("ridge: the journal is not this process's")
	// ErrReplaced: another incarnation of this process has taken its place.
	ErrReplaced = errors.New("ridge: this process has been replaced, and may not take part any more")
	// ErrConflict: the members are not those that a change was meant for.
	ErrConflict = errors.New("ridge: the members have been changed meanwhile")
	// ErrBroken: two values were decided in one instance. Some acceptor has
	// lost its memory or is faulty beyond a crash.
	ErrBroken = errors.New("ridge: agreement is broken")
)
