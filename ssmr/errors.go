package ssmr

import (
	"context"
	"errors"
	"fmt"
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
func NewError(name, text string) *Error { return &Error{identity{name}, text} }

func (e *Error) Error() string { return e.text }

func (e *Error) addTo(s *Service, prefix string) {
	_, known := s.errors[&e.id]
	if !s.claim("error", prefix+e.id.name, known, len(s.errors)) {
		return
	}
	s.errors[&e.id] = prefix + e.id.name
	s.byName[prefix+e.id.name] = e
}

// These are the framework's own errors; test for them with errors.Is.
var (
	// ErrOutcomeUnknown: the command may have been executed, may yet be, or
	// may never be. Nobody answered in time, or the caller's context ended
	// first (then the error is also ctx.Err()).
	ErrOutcomeUnknown = errors.New("ssmr: outcome unknown")
	// ErrAccess: the command's code left what it had promised with Exactly.
	// It had no effect; the same command will fail again.
	ErrAccess = errors.New("ssmr: access outside what the command declared")
	// ErrArgument: the argument does not decode, or its access cannot be
	// computed. It had no effect; the same command will fail again.
	ErrArgument = errors.New("ssmr: bad argument")
	// ErrPanicked: the command's code panicked. It had no effect.
	ErrPanicked = errors.New("ssmr: command panicked")
	// ErrBudget: the command touched more variables or bytes than one command
	// may. It had no effect; the same command may fail again.
	ErrBudget = errors.New("ssmr: command exceeded its budget")
	// ErrRefused: the command's times or its client's window were out of
	// bounds, and no copy of it will be executed.
	ErrRefused = errors.New("ssmr: command refused")
	// ErrTooLarge: the argument exceeds what one message may hold. It was not
	// sent.
	ErrTooLarge = errors.New("ssmr: command too large")
	// ErrOverloaded: too many commands of this client are under way already.
	// It was not sent.
	ErrOverloaded = errors.New("ssmr: too many outstanding commands")
	// ErrUnavailable: no server could be reached. It was not sent.
	ErrUnavailable = errors.New("ssmr: no server reachable")
	// ErrClosed: the client or its cluster was closed before the command was
	// sent.
	ErrClosed = errors.New("ssmr: closed")
	// ErrFailed: the command's code returned an error that the service does
	// not register; only its text arrived. It had no effect.
	ErrFailed = errors.New("ssmr: command failed")
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
	return errors.Is(err, ErrRefused) || errors.Is(err, ErrOverloaded) || errors.Is(err, ErrUnavailable)
}

// HadNoEffect says whether an error is proof that the command changed nothing
// and never will.
func HadNoEffect(err error) bool {
	return err != nil && !errors.Is(err, ErrOutcomeUnknown)
}

// failure is an error as replicas see it: a name and a text.
type failure struct{ name, text string }

func (f *failure) Error() string { return f.text }

// ErrorName is the error's name on the wire; empty if it has none.
func (f *failure) ErrorName() string { return f.name }

// fail prepares what command code returned for the way to the client.
func (s *Service) fail(err error) error {
	f := &failure{text: err.Error()}
	var named *Error
	if errors.As(err, &named) {
		f.name = s.errors[&named.id]
	}
	return f
}

// replied is an error that came as a reply: its own text, its kind's identity.
type replied struct {
	kind error
	text string
}

func (r *replied) Error() string { return r.text }
func (r *replied) Unwrap() error { return r.kind }

// replyError makes the client's error of a reply's name and text.
func (s *Service) replyError(name, text string) error {
	if e, ok := s.byName[name]; ok {
		if text == e.text {
			return e
		}
		return &replied{e, text}
	}
	return &replied{ErrFailed, text}
}

// unknown is what a caller gets who stopped waiting.
func unknown(ctx context.Context) error {
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, context.Cause(ctx))
}
