package partition

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestServiceValidate(t *testing.T) {
	if err := testService(&programs{}).Validate(); err != nil {
		t.Fatal(err)
	}
	bad := &Service{
		Collections: []Collection{{Name: "a"}, {Name: "a"}},
		Commands:    []CommandSpec{{Name: "c"}},
		Operations:  []Operation{{}},
		Errors:      []NamedError{{nameBudget, nil}},
	}
	err := bad.Validate()
	for _, want := range []string{"no name", `collection "a" is there twice`, `"c" lacks`, "operation 0 has no name", "lacks Apply", `"eyrie.budget" is there twice`, "is nil"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}

func TestFingerprint(t *testing.T) {
	a := testService(&programs{})
	if a.Fingerprint() != testService(&programs{}).Fingerprint() {
		t.Fatal("equal services differ")
	}
	for i, change := range []func(*Service){
		func(s *Service) { s.Name = "x" },
		func(s *Service) { s.Collections[0], s.Collections[1] = s.Collections[1], s.Collections[0] },
		func(s *Service) { s.Collections[0].Everywhere = true },
		func(s *Service) { s.Commands[0].Name = "x" },
		func(s *Service) { s.Operations = s.Operations[1:] },
		func(s *Service) { s.Errors = nil },
	} {
		b := testService(&programs{})
		change(b)
		if a.Fingerprint() == b.Fingerprint() {
			t.Errorf("change %d is not seen", i)
		}
	}
}

func TestErrorsAtTheClient(t *testing.T) {
	s := testService(&programs{})
	for _, e := range []error{errFunds, fmt.Errorf("wrapped: %w", errFunds), ErrBudget, ErrAccess, ErrPanicked, ErrArgument} {
		got := s.Error(s.describe(e))
		base := e
		if errors.Is(e, errFunds) {
			base = errFunds
		}
		if !errors.Is(got, base) || got.Error() != e.Error() {
			t.Errorf("%v arrives as %v", e, got)
		}
	}
	var f *Failure
	if got := s.Error(s.describe(Fail("own", "text"))); !errors.As(got, &f) || f.Name != "own" || got.Error() != "text" {
		t.Errorf("%#v", got)
	}
	if got := s.Error(s.describe(errLoose)); errors.Is(got, errLoose) || got.Error() != errLoose.Error() {
		t.Errorf("%#v", got)
	}
}

func TestTuningValidate(t *testing.T) {
	if err := DefaultTuning().Validate(); err != nil {
		t.Fatal(err)
	}
	err := Tuning{PullAfter: 1}.Validate()
	for _, want := range []string{"Horizon", "MaxOutboxBytes", "PartItems", "PullMax"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in: %v", want, err)
		}
	}
}

// Whatever else than a return or a panic ends a command's code ends the
// replica, loudly, with the command's name.
func TestGoexitIsLoud(t *testing.T) {
	l := newLab(t, 1, 1)
	l.node(1).service.Commands[0].Run = func(Tx, []byte) ([]byte, error) { runtime.Goexit(); return nil, nil }
	d := l.op(1000, exactly(), 0)
	said := make(chan any)
	go func() {
		defer func() { said <- recover() }()
		l.node(1).Deliver(l.now, d)
	}()
	if s := fmt.Sprint(<-said); !strings.Contains(s, d.Command.String()) {
		t.Fatal(s)
	}
}
