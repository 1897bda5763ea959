package ssmr

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/partition"
)

// Error is an error that command code returns and that keeps its identity on
// its way to the client: after
//
//	var ErrFunds = ssmr.NewError("funds", "not enough funds")
//
// and with ErrFunds among the service's parts, errors.Is(err, ErrFunds) holds
// at the client whenever the code returned ErrFunds or an error wrapping it;
// the text is that of the error returned.
type Error struct {
	id   identity
	text string
}

// NewError makes an error with a name, which must be unique in a service.
func NewError(name, text string) *Error { return &Error{identity{name: name}, text} }

func (e *Error) Error() string { return e.text }

func (e *Error) addTo(s *Service, prefix string) {
	known := slices.ContainsFunc(s.def.Errors, func(r partition.NamedError) bool { return r.Err == e })
	if !s.claim("error", prefix+e.id.name, known, len(s.def.Errors)) {
		return
	}
	s.def.Errors = append(s.def.Errors, partition.NamedError{Name: prefix + e.id.name, Err: e})
}

// These are the framework's own errors; test for them with errors.Is.
var (
	// ErrOutcomeUnknown: the command may have been executed, may yet be, or
	// may never be; once, if at all. Nobody answered within the horizon, or
	// the caller's context ended first (then the error is also ctx.Err()), or
	// the client was closed.
	ErrOutcomeUnknown = client.ErrOutcomeUnknown
	// ErrResult: the command was executed, and its result does not decode here: the
	// cluster's version of the service has another type for it.
	ErrResult = errors.New("ssmr: executed, but the result cannot be decoded")
	// ErrAccess: the command's code left what it had promised with Exactly.
	// It had no effect; the same command will fail again.
	ErrAccess = partition.ErrAccess
	// ErrArgument: the argument does not decode, or its access cannot be
	// computed. It had no effect; the same command will fail again.
	ErrArgument = partition.ErrArgument
	// ErrPanicked: the command's code panicked. It had no effect.
	ErrPanicked = partition.ErrPanicked
	// ErrBudget: the command touched more variables or bytes than one command
	// may. It had no effect; it fails again unless the state has changed.
	ErrBudget = partition.ErrBudget
	// ErrReadOnly: a ReadOnly command wrote, or declared that it would. It had
	// no effect; the same command will fail again.
	ErrReadOnly = partition.ErrReadOnly
	// ErrFailed: the command's code returned an error that the service does
	// not register; only its text arrived. It had no effect.
	ErrFailed = errors.New("ssmr: command failed")
	// ErrTooLarge: the argument exceeds what one message may hold. The command
	// was not sent.
	ErrTooLarge = client.ErrTooLarge
	// ErrOverloaded: too many commands of this client are under way. Do and Go
	// wait for room instead, so only a narrower face than theirs returns it.
	// The command was not sent.
	ErrOverloaded = client.ErrWindowFull
	// ErrNoRoom: the disk of a process that the command needs is almost full.
	// The command was not executed, unless the error is ErrOutcomeUnknown too.
	ErrNoRoom = client.ErrNoRoom
	// ErrBusy: for the whole horizon the processes that the command needs had as much
	// waiting as they take. The command was not executed.
	ErrBusy = client.ErrBusy
	// ErrClosed: the client or its cluster was closed before the command was
	// sent.
	ErrClosed = host.ErrClosed
	// ErrRestarted: the cluster was started anew and has forgotten its state.
	// The client has ended; what was under way is also ErrOutcomeUnknown.
	ErrRestarted = client.ErrOtherLife
	// ErrUnavailable: Dial reached no process of the cluster in time.
	ErrUnavailable = errors.New("ssmr: no process could be reached")
	// ErrRefused: Dial reached a process, which would not have this client:
	// it is of another cluster, runs another service, or another version.
	ErrRefused = errors.New("ssmr: refused by the cluster")
	// ErrUnknownCommand: the command is not a part of the client's service.
	ErrUnknownCommand = errors.New("ssmr: command is not a part of the service")
)

// Retryable says whether sending the command again, as a new command, may
// succeed and cannot execute it twice: the first one had no effect and never
// will have. An unknown outcome is not retryable in this sense; whether to
// repeat such a command is for the caller to judge.
func Retryable(err error) bool {
	if err == nil || errors.Is(err, ErrOutcomeUnknown) {
		return false
	}
	for _, e := range []error{ErrOverloaded, ErrUnavailable, ErrNoRoom, ErrBusy} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// HadNoEffect says whether an error is proof that the command changed nothing
// and never will. The error of an optimistic reply that is not Final proves nothing.
func HadNoEffect(err error) bool {
	return err != nil && !errors.Is(err, ErrOutcomeUnknown) && !errors.Is(err, ErrResult)
}

// ErrorName is the name under which an error of command code travels in this service; "" for the
// framework's own and for unregistered ones.
func (s *Service) ErrorName(err error) string {
	for _, e := range s.def.Errors {
		if errors.Is(err, e.Err) {
			return e.Name
		}
	}
	return ""
}

// builtin says whether an error is one of those that executing a command may
// end with, whatever its code.
func builtin(err error) bool {
	return errors.Is(err, ErrAccess) || errors.Is(err, ErrArgument) ||
		errors.Is(err, ErrPanicked) || errors.Is(err, ErrBudget) || errors.Is(err, ErrReadOnly)
}

// replyError makes the client's error of a reply's name and text.
func (s *Service) replyError(name, text string) error {
	err := s.def.Error(name, text)
	if errors.Unwrap(err) == nil {
		return fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return err
}

// unknown is what a caller gets who stopped waiting.
func unknown(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("%w: %w: %w", ErrOutcomeUnknown, ctx.Err(), cause)
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, ctx.Err())
}
