package partition

import (
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Validate reports every complaint at once.
func (s *Service) Validate() error {
	var errs []error
	complain := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("partition: service %q: "+format, append([]any{s.Name}, args...)...))
	}
	unique := func(what string, n, most int, name func(int) string) {
		if n > most {
			complain("%d %ss are more than %d", n, what, most)
		}
		seen := make(map[string]bool, n)
		for i := range n {
			switch {
			case name(i) == "":
				complain("%s %d has no name", what, i)
			case seen[name(i)]:
				complain("%s %q is there twice", what, name(i))
			}
			seen[name(i)] = true
		}
	}
	if s.Name == "" {
		complain("no name")
	}
	unique("collection", len(s.Collections), 1<<16, func(i int) string { return s.Collections[i].Name })
	unique("command", len(s.Commands), MaxCommands-1, func(i int) string { return s.Commands[i].Name })
	unique("operation", len(s.Operations), 1<<16, func(i int) string { return s.Operations[i].Name })
	all := append(append([]NamedError(nil), builtin...), s.Errors...)
	unique("error", len(all), 1<<16, func(i int) string { return all[i].Name })
	s.validateFormer(complain)
	for _, c := range s.Commands {
		if c.Access == nil || c.Run == nil {
			complain("command %q lacks Access or Run", c.Name)
		}
	}
	for _, o := range s.Operations {
		if o.Apply == nil {
			complain("operation %q lacks Apply", o.Name)
		}
	}
	for _, e := range s.Errors {
		if e.Err == nil {
			complain("error %q is nil", e.Name)
		}
	}
	return errors.Join(errs...)
}

// Fingerprint is equal for services whose names, in order, and flags are equal. It cannot see code. Of a service with versions only name and
// collections count: the rest may grow from version to version.
func (s *Service) Fingerprint() uint64 {
	b := wire.AppendString(nil, s.Name)
	b = wire.AppendUvarint(b, uint64(len(s.Collections)))
	for _, c := range s.Collections {
		b = wire.AppendString(b, c.Name)
		b = wire.AppendBool(b, c.Place != nil)
		b = wire.AppendBool(b, c.Everywhere)
		b = wire.AppendBool(b, c.Immutable)
	}
	if s.Version > 0 {
		return xxhash.Sum64(wire.AppendString(b, "versions"))
	}
	b = wire.AppendUvarint(b, uint64(len(s.Commands)))
	for _, c := range s.Commands {
		b = wire.AppendString(b, c.Name)
		b = wire.AppendBool(b, c.ReadOnly)
	}
	b = wire.AppendUvarint(b, uint64(len(s.Operations)))
	for _, o := range s.Operations {
		b = wire.AppendBool(wire.AppendString(b, o.Name), o.Commutes)
	}
	b = wire.AppendUvarint(b, uint64(len(s.Errors)))
	for _, e := range s.Errors {
		b = wire.AppendString(b, e.Name)
	}
	return xxhash.Sum64(b)
}
