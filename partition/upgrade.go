package partition

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Former is the code of an earlier version of a service: its commands, which
// are, by their names and flags, the first of those that the service has now.
//
// Which version is in force is a part of the state. It changes by a command of
// its own (CommandUpgrade), which is ordered among all others and conflicts with
// each: a command is executed by the version in force where it was delivered, at
// every replica, also when it is executed again after a restart [C7]. A program
// that does not carry the version of a command that it is to execute stops.
//
// Only what commands do may differ between versions. What an argument touches,
// what an operation does, collections and their placement stay: clients, and
// commands of both versions under way, rely upon them. What needs another access
// is another command, and what needs another operation names another one.
type Former struct {
	Version  uint32
	Commands []CommandSpec
}

// FirstVersion is in force where nothing has been executed yet, if the service
// has versions.
const FirstVersion = 1

// CommandUpgrade is the number of the command that changes the version in force.
const CommandUpgrade = MaxCommands - 1

// Upgrade is the argument of CommandUpgrade. It has effect if From is in force.
type Upgrade struct{ From, To uint32 }

// Append appends the argument's bytes.
func (u Upgrade) Append(b []byte) []byte {
	return wire.AppendUint32(wire.AppendUint32(b, u.From), u.To)
}

func readUpgrade(b []byte) (u Upgrade, err error) {
	r := wire.NewReader(b)
	u = Upgrade{r.Uint32(), r.Uint32()}
	return u, r.Done()
}

var upgradeSpec = CommandSpec{
	Name: "upgrade", Run: func(Tx, []byte) ([]byte, error) { return nil, nil },
}

// Carries says whether the service has the code of a version.
func (s *Service) Carries(version uint32) bool {
	_, ok := s.code(version)
	return ok
}

// code is the commands of a version.
func (s *Service) code(version uint32) ([]CommandSpec, bool) {
	if version == s.Version {
		return s.Commands, true
	}
	for i := range s.Former {
		if s.Former[i].Version == version {
			return s.Former[i].Commands, true
		}
	}
	return nil, false
}

// first is the version in force where nothing has been executed yet.
func (s *Service) first() uint32 {
	if s.Version == 0 {
		return 0
	}
	return FirstVersion
}

// validateFormer complains of former versions that cannot be of this service.
func (s *Service) validateFormer(complain func(string, ...any)) {
	last := uint32(0)
	for i := range s.Former {
		f := &s.Former[i]
		if f.Version <= last || f.Version >= s.Version {
			complain("former version %d: versions must rise, from 1, to below %d", f.Version, s.Version)
		}
		last = f.Version
		if len(f.Commands) > len(s.Commands) {
			complain("former version %d has %d commands, more than %d", f.Version, len(f.Commands), len(s.Commands))
			continue
		}
		for j := range f.Commands {
			was, is := &f.Commands[j], &s.Commands[j]
			if was.Name != is.Name || was.ReadOnly != is.ReadOnly || was.Access == nil || was.Run == nil {
				complain("command %d of former version %d is %q, and %q now: names and flags stay, and new commands come last", j, f.Version, was.Name, is.Name)
			}
		}
	}
}

// Version is the version of the service in force behind the last delivery.
func (r *Replica) Version() uint32 { return r.inForce }

// uncarried says that commands are to be executed of which this program has no
// code.
func (r *Replica) uncarried(version uint32) error {
	return fmt.Errorf("version %d of service %q is in force, and this program carries %s: start one that carries it [C7]", version, r.service.Name, r.service.versions())
}

func (s *Service) versions() string {
	text := ""
	for i := range s.Former {
		text += fmt.Sprintf("%d, ", s.Former[i].Version)
	}
	return text + fmt.Sprint(s.Version)
}

// fillUpgrade makes c one that changes the version in force. Whether it has effect
// is decided here, from what was delivered before: alike everywhere.
func (r *Replica) fillUpgrade(c *command, arg []byte) {
	t := &c.tx
	c.spec, c.arg, c.number = &upgradeSpec, arg, CommandUpgrade
	c.barrier = true
	u, err := readUpgrade(arg)
	switch {
	case err != nil:
		t.fail(fmt.Errorf("%w: %v", ErrArgument, err))
	case len(c.dests) != len(r.config.Replicas):
		t.fail(fmt.Errorf("%w: it is not for all partitions", ErrArgument))
	case u.From != c.version || u.To <= u.From:
		t.fail(fmt.Errorf("%w: version %d is in force, and this was to go from %d to %d", ErrVersion, c.version, u.From, u.To))
	default:
		c.upgrade = u.To
	}
}

// enforce has the version in force changed by a command that was delivered.
func (r *Replica) enforce(c *command) {
	if c.upgrade == 0 {
		return
	}
	r.inForce = c.upgrade
	r.spare.codes, r.spare.version = make([][]Code, len(r.service.Commands)), r.inForce
	if !r.service.Carries(r.inForce) {
		r.stop("%v", r.uncarried(r.inForce))
	}
}
