// Package optimistic is Fast-SSMR's optimistic machine (dissertation, chapter
// 6): it executes commands in the order of their optimistic delivery, on the
// partition's conservative state and what such runs wrote, so that their replies
// come early. Everything here is a deterministic state machine without IO.
package optimistic

import "fmt"

// Mode says how replicas execute. All processes and clients of a cluster must
// have the same, though conservative replies are right whatever they have.
type Mode uint8

const (
	// Conservative execution only (S-SMR).
	Conservative Mode = iota
	// Baseline: commands are executed optimistically too; the values of remote
	// variables are those that conservative execution sends.
	Baseline
	// Full: optimistic executions send each other values as well (section 6.3).
	Full
)

var modes = [...]string{"conservative", "baseline", "full"}

func (m Mode) String() string {
	if int(m) < len(modes) {
		return modes[m]
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(b []byte) (err error) {
	*m, err = ParseMode(string(b))
	return err
}

// ParseMode is the inverse of String.
func ParseMode(s string) (Mode, error) {
	for i, name := range modes {
		if s == name {
			return Mode(i), nil
		}
	}
	return 0, fmt.Errorf("execution %q is none of conservative, baseline and full", s)
}
