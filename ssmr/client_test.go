package ssmr

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// stub is a backend that answers when told to.
type stub struct {
	refuse error
	guess  ids.Set
	done   chan struct{}
	value  []byte
	err    error

	asked, ended bool
	early        chan struct{}
	opt          []byte
	times        Replies
}

func (s *stub) Submit(_ context.Context, _ uint16, _ []byte, o callOptions) (pending, error) {
	s.guess, s.asked = o.guess, o.optimistic
	return s, s.refuse
}
func (s *stub) Done() <-chan struct{}       { return s.done }
func (s *stub) Outcome() ([]byte, error)    { return s.value, s.err }
func (s *stub) Close() error                { return nil }
func (s *stub) Early() <-chan struct{}      { return s.early }
func (s *stub) Optimistic() ([]byte, error) { return s.opt, nil }
func (s *stub) Replies() Replies            { return s.times }

// The end of the context ends the wait, and not the command.
func TestContextBoundsTheWait(t *testing.T) {
	x := newCounter("x", 1)
	b := &stub{done: make(chan struct{}), value: []byte{2}}
	ctx, cancel := context.WithCancel(context.Background())
	call := x.incr.Go(ctx, &Client{x.service, b}, "a")
	cancel()
	if _, err := call.Result(ctx); !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
	caused, because := context.WithCancelCause(context.Background())
	because(errOdd)
	if _, err := call.Result(caused); !errors.Is(err, context.Canceled) || !errors.Is(err, errOdd) {
		t.Errorf("after cancel with a cause: %v", err)
	}
	close(b.done)
	<-call.Done()
	if got, err := call.Result(ctx); got != 1 || err != nil {
		t.Errorf("the outcome is lost: %v, %v", got, err)
	}
}

func TestWhatIsNotSentIsDone(t *testing.T) {
	x := newCounter("x", 1)
	call := x.incr.Go(context.Background(), &Client{x.service, &stub{refuse: ErrClosed}}, "a")
	<-call.Done()
	if _, err := call.Result(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestGuess(t *testing.T) {
	x := newCounter("x", 1)
	b := &stub{done: closed, value: []byte{2}}
	if _, err := x.incr.Do(context.Background(), &Client{x.service, b}, "a", Guess(3, -1, 1), Guess(1, 1<<20, 0)); err != nil {
		t.Fatal(err)
	}
	if !b.guess.Equal(ids.Set{0, 1, 3}) {
		t.Errorf("guess %v", b.guess)
	}
}

func TestErrorsArriveWithTheirIdentity(t *testing.T) {
	s := newScript(t)
	inner := errors.New("inner")
	for _, tc := range []struct {
		returned error
		is       error
		text     string
	}{
		{errOdd, errOdd, "that is odd"},
		{fmt.Errorf("seven: %w", errOdd), errOdd, "seven: that is odd"},
		{inner, ErrFailed, "ssmr: command failed: inner"},
	} {
		_, err := s.do(Exactly(), func(Tx) (string, error) { return "", tc.returned })
		if !errors.Is(err, tc.is) || err.Error() != tc.text || errors.Is(err, inner) {
			t.Errorf("%v arrives as %v", tc.returned, err)
		}
		if Retryable(err) || !HadNoEffect(err) {
			t.Errorf("%v is judged wrongly", err)
		}
	}
}

func TestRetryable(t *testing.T) {
	for err, want := range map[error]bool{
		nil: false, ErrOutcomeUnknown: false, ErrAccess: false, ErrArgument: false, ErrPanicked: false,
		ErrBudget: false, ErrRefused: false, ErrRestarted: false, ErrTooLarge: false, ErrOverloaded: true, ErrUnavailable: true,
		ErrNoRoom: true, ErrBusy: true, fmt.Errorf("%w: %w", ErrOutcomeUnknown, ErrNoRoom): false,
		ErrClosed: false, ErrFailed: false, ErrUnknownCommand: false,
		fmt.Errorf("%w: %w", ErrOutcomeUnknown, ErrUnavailable): false,
	} {
		if got := Retryable(err); got != want {
			t.Errorf("Retryable(%v) = %v", err, got)
		}
		if got, want := HadNoEffect(err), err != nil && !errors.Is(err, ErrOutcomeUnknown); got != want {
			t.Errorf("HadNoEffect(%v) = %v", err, got)
		}
	}
}
