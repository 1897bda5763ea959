package partition

import "errors"

// Errors that a command can end with besides its service's own. They are
// final: the command had its place in the order and had no effect.
var (
	// ErrArgument: no such command, or an argument that it refuses.
	ErrArgument = errors.New("bad command or argument")
	// ErrAccess: the code left the access that it declared exact [E1].
	ErrAccess = errors.New("access outside the declared set")
	// ErrPanicked: the command's code panicked.
	ErrPanicked = errors.New("command panicked")
	// ErrBudget: the command exceeded its budget of accesses or bytes.
	ErrBudget = errors.New("command exceeded its budget")
	// ErrReadOnly: a ReadOnly command wrote, or declared a write.
	ErrReadOnly = errors.New("a read-only command may not write")
	// ErrVersion: another version of the service is in force than an upgrade
	// was to begin from.
	ErrVersion = errors.New("another version of the service is in force")
)

// ErrStopped is wrapped by Replica.Err: the replica found an invariant broken
// and must stop.
var ErrStopped = errors.New("replica stopped")

// Names under which the errors above travel.
const (
	nameArgument = "eyrie.argument"
	nameAccess   = "eyrie.access"
	namePanicked = "eyrie.panicked"
	nameBudget   = "eyrie.budget"
	nameReadOnly = "eyrie.readonly"
	nameVersion  = "eyrie.version"
)

// builtin lists them in one place for both directions.
var builtin = []NamedError{
	{nameArgument, ErrArgument},
	{nameAccess, ErrAccess},
	{namePanicked, ErrPanicked},
	{nameBudget, ErrBudget},
	{nameReadOnly, ErrReadOnly},
	{nameVersion, ErrVersion},
}

// NamedError is an error that a service registers, so that errors.Is knows it
// at the client.
type NamedError struct {
	Name string
	Err  error
}

// Failure is an error as a reply carries it. It unwraps to the registered
// error of its name, if there is one.
type Failure struct {
	Name string // empty if the error was not registered
	Text string
	err  error
}

// Fail makes an error with a name that need not be registered: at the client
// it arrives as a *Failure with the same name and text.
func Fail(name, text string) error { return &Failure{Name: name, Text: text} }

func (f *Failure) Error() string {
	if f.Text == "" {
		return f.Name
	}
	return f.Text
}

func (f *Failure) Unwrap() error { return f.err }

// Error turns a reply's error back into a Go error: errors.Is holds for the
// registered error or sentinel of that name.
func (s *Service) Error(name, text string) error {
	f := &Failure{Name: name, Text: text}
	for _, list := range [][]NamedError{builtin, s.Errors} {
		for _, e := range list {
			if e.Name == name {
				f.err = e.Err
			}
		}
	}
	return f
}

// describe gives an error of command code its name and text for the reply.
func (s *Service) describe(err error) (name, text string) {
	for _, list := range [][]NamedError{builtin, s.Errors} {
		for _, e := range list {
			if errors.Is(err, e.Err) {
				return e.Name, err.Error()
			}
		}
	}
	var f *Failure
	if errors.As(err, &f) {
		return f.Name, err.Error()
	}
	return "", err.Error()
}
