package ssmr

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/eyrie-dev/eyrie/partition"
)

// Part is what a service is made of: a *Collection, a *Command, an *Operation
// or an *Error. A part belongs to no service: the same part may be in several,
// also in one process, and is found again by its identity.
type Part interface {
	addTo(s *Service, prefix string)
}

// identity is what makes a part that part, whatever it is called in a
// service. Its address is the identity.
type identity struct {
	name string
	// home is the last service that it came into, and its index there: a look at
	// it mostly spares the search of a map.
	home atomic.Pointer[home]
}

type home struct {
	s     *Service
	index uint16
}

// in is the part's index in a service, of those of its kind.
func (id *identity) in(s *Service, of map[*identity]uint16) (uint16, bool) {
	if id != nil {
		if h := id.home.Load(); h != nil && h.s == s {
			return h.index, true
		}
	}
	i, ok := of[id]
	return i, ok
}

// join makes it a part of a service, which is being made.
func (id *identity) join(s *Service, of map[*identity]uint16, index int) {
	of[id] = uint16(index)
	id.home.Store(&home{s, uint16(index)})
}

// Service is a fixed set of parts. It is immutable and safe for concurrent
// use. Every process of a cluster and every client of it must have been built
// with the same parts in the same order; a fingerprint checks that (AtVersion says
// how much of it).
type Service struct {
	def   partition.Service
	parts []placed
	// placer and guesser are nil unless replaced.
	placer, guesser *routing

	collections map[*identity]uint16
	commands    map[*identity]uint16
	operations  map[*identity]uint16
	names       map[string]string // "kind name" -> kind, to find collisions
	complaints  []error
}

// placed is a part with the prefix of the service that it came with.
type placed struct {
	part   Part
	prefix string
}

// NewService makes a service of its parts. What is wrong with it (two parts
// of a kind with one name, a key type that cannot be encoded, ...) is told by
// Validate, and by all that take a service.
func NewService(name string, parts ...Part) *Service {
	s := emptyService(name)
	for _, p := range parts {
		s.add(placed{part: p})
	}
	return s
}

// Compose makes one service of several, named after the first part of each
// name: the collection "accounts" of service "bank" becomes "bank/accounts".
// Parts keep their identity: commands and collections are used through the
// same variables as before, and a part that is in two of the services is in
// the composition once.
func Compose(name string, services ...*Service) *Service {
	s := emptyService(name)
	for _, from := range services {
		if from == nil {
			s.complain(errors.New("nil service"))
			continue
		}
		for _, p := range from.parts {
			s.add(placed{part: p.part, prefix: from.def.Name + "/" + p.prefix})
		}
	}
	return s
}

func emptyService(name string) *Service {
	s := &Service{
		collections: map[*identity]uint16{},
		commands:    map[*identity]uint16{},
		operations:  map[*identity]uint16{},
		names:       map[string]string{},
	}
	s.def.Name = name
	if name == "" {
		s.complain(errors.New("a service needs a name"))
	}
	return s
}

func (s *Service) add(p placed) {
	if p.part == nil {
		s.complain(errors.New("nil part"))
		return
	}
	s.parts = append(s.parts, p)
	p.part.addTo(s, p.prefix)
}

// AtVersion gives the service's code a version, from 1 on, and tells of former
// versions of the same service, rising, that the program carries, too. It returns
// the service; it is to be called before anything else uses it.
//
// Which version is in force is a part of the replicated state. It is 1 in a new
// cluster, and changes by an ordered command (eyrie upgrade): so all replicas
// execute each command by the same code, also when they start again and execute
// it once more, and a program that does not carry a version that it is to execute
// stops and says so. A former version has the same collections, and its commands
// are the first of today's, by name and ReadOnly. What a command touches, what
// operations do and where variables are placed must not differ; only what
// commands do may.
//
// A service whose state is to outlive its code says AtVersion(1) from the
// beginning. One that says no version is bound to its commands, operations and
// errors as they are: processes and clients that have others refuse each other,
// and neither a program with other ones nor one with a version starts from what it
// has left on disks. So it cannot be upgraded. Where a version is said, the
// fingerprint covers the name and the collections alone, and it is for the
// service's author to add commands, operations and errors behind those that are
// there.
func (s *Service) AtVersion(version uint32, former ...*Service) *Service {
	s.def.Version = version
	for _, f := range former {
		s.def.Former = append(s.def.Former, partition.Former{Version: f.def.Version, Commands: f.def.Commands})
		s.complaints = append(s.complaints, f.complaints...)
		if f.def.Name != s.def.Name || !sameCollections(f, s) {
			s.complain(fmt.Errorf("version %d has another name or other collections", f.def.Version))
		}
	}
	return s
}

func sameCollections(a, b *Service) bool {
	return slices.EqualFunc(a.def.Collections, b.def.Collections, func(x, y partition.Collection) bool {
		return x.Name == y.Name && x.Everywhere == y.Everywhere && x.Immutable == y.Immutable && (x.Place == nil) == (y.Place == nil)
	})
}

// Name is the service's name.
func (s *Service) Name() string { return s.def.Name }

// Definition is the service in the form in which replicas execute it.
// The caller must not change it.
func (s *Service) Definition() *partition.Service { return &s.def }

// Validate reports everything that is wrong with the service, joined.
func (s *Service) Validate() error {
	if s == nil {
		return errors.New("ssmr: no service")
	}
	if len(s.complaints) == 0 {
		return s.def.Validate()
	}
	return fmt.Errorf("ssmr: service %q: %w", s.def.Name, errors.Join(s.complaints...))
}

func (s *Service) complain(err error) { s.complaints = append(s.complaints, err) }

// claim registers a part's name. It says false if the part is there already
// (known) or cannot be added.
func (s *Service) claim(kind, name string, known bool, n int) bool {
	if known {
		return false
	}
	if name == "" {
		s.complain(fmt.Errorf("%s without a name", kind))
		return false
	}
	if _, taken := s.names[kind+" "+name]; taken {
		s.complain(fmt.Errorf("two %ss are named %q", kind, name))
		return false
	}
	most := 1 << 16
	if kind == "command" {
		most = partition.MaxCommands
	}
	if n >= most {
		s.complain(fmt.Errorf("%s %q: too many", kind, name))
		return false
	}
	s.names[kind+" "+name] = kind
	return true
}

// index finds a part, or panics: command code that uses a part its service
// lacks cannot go on, at any replica.
func index(of map[*identity]uint16, id *identity, kind string, s *Service) uint16 {
	i, ok := id.in(s, of)
	if !ok {
		panic(fmt.Sprintf("ssmr: %s %q is not a part of service %q", kind, id.name, s.def.Name))
	}
	return i
}
