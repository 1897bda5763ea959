package partition

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// versioned is a service whose only command writes the version that executes it
// to a variable of each partition named in its argument; from version 2 on there
// is another one.
func versioned(version uint32, former ...uint32) *Service {
	commands := func(v uint32) []CommandSpec {
		list := []CommandSpec{{
			Name: "sign",
			Access: func(arg []byte) (a Access, _ error) {
				a.Exact = true
				for _, c := range arg {
					a.Items = append(a.Items, Item{Key: Key{colHash, string(rune(c))}, Write: true})
				}
				return a, nil
			},
			Run: func(tx Tx, arg []byte) ([]byte, error) {
				for _, c := range arg {
					k := Key{colHash, string(rune(c))}
					old, _ := tx.Get(k)
					tx.Put(k, fmt.Appendf(old[:len(old):len(old)], "%d", v))
				}
				return nil, nil
			},
		}}
		if v > 1 {
			list = append(list, CommandSpec{Name: "new", Access: list[0].Access, Run: list[0].Run})
		}
		return list
	}
	s := &Service{Name: "versioned", Collections: []Collection{{Name: "hash"}}, Version: version, Commands: commands(version)}
	for _, v := range former {
		s.Former = append(s.Former, Former{v, commands(v)})
	}
	return s
}

// letter1 is a name of one letter that lies at a partition of two.
func letter1(p ids.Partition) string {
	for c := 'a'; ; c++ {
		if (testMap{n: 2}).Owners(Key{colHash, string(c)}).Has(p) {
			return string(c)
		}
	}
}

func withVersions(version uint32, former ...uint32) func(*Config) {
	return func(c *Config) { c.Service, c.Durable = versioned(version, former...), true }
}

// order makes a delivery of any command.
func order(at hlc.Timestamp, command uint16, arg []byte, dests ...ids.Partition) Delivery {
	return Delivery{
		Position: ids.Position{T: at, E: ids.All}, Attempt: 1, T0: at,
		Command: ids.Command{Client: clientName(int(at) % 20), Sequence: ids.Sequence(at)}, Mark: ids.Sequence(at),
		Dests: ids.NewSet(dests...), Body: Request{MapVersion: 3, Command: command, Arg: arg}.Append(nil),
	}
}

// Commands are executed by the version that is in force where they were
// delivered, whatever they wait for, and also by a replica that is restored amid
// them; of two upgrades from one version the first has effect.
func TestUpgrade(t *testing.T) {
	l := newLab(t, 2, 1, withVersions(3, 1, 2))
	a, b := letter1(0), letter1(1)
	both := []byte(a + b)
	var d disk
	steps := []Delivery{
		order(5000, 0, both, 0, 1),
		order(5001, 1, both, 0, 1), // there is none yet
		order(5002, CommandUpgrade, Upgrade{1, 2}.Append(nil), 0, 1),
		order(5003, CommandUpgrade, Upgrade{1, 3}.Append(nil), 0, 1),
		order(5004, 0, both, 0, 1),
		order(5005, CommandUpgrade, Upgrade{2, 3}.Append(nil), 0), // not for all
		order(5006, 1, both, 0, 1),
		order(5007, CommandUpgrade, []byte{1}, 0, 1),
		order(5008, CommandUpgrade, Upgrade{2, 3}.Append(nil), 0, 1),
		order(5009, 0, both, 0, 1),
	}
	for _, s := range steps { // partition 1 hears of nothing yet
		l.deliver(s, 1)
	}
	if v := l.node(1).Version(); v != 3 {
		t.Fatalf("version %d behind all", v)
	}
	d.write(t, l.node(1).Checkpoint())
	restored, err := restore(l.node(1).config, d.sorted(), d.sum)
	if err != nil {
		t.Fatal(err)
	}
	l.node(1).Close()
	l.nodes[0] = restored
	l.collect(1)
	for _, s := range steps {
		if s.Dests.Has(1) {
			l.deliver(s, 2)
		}
	}
	for range 20 {
		l.pass(nil)
		l.tick(l.node(1).tuning.PullMax)
	}
	for i, k := range []string{a, b} {
		if got := l.value(i+1, Key{colHash, k}); got != hex([]byte("1223")) {
			t.Errorf("partition %d: executed by versions %s", i, got)
		}
		if v := l.node(i + 1).Version(); v != 3 {
			t.Errorf("partition %d: version %d", i, v)
		}
	}
	if got := l.answers(); strings.Count(got, nameVersion) != 1 || strings.Count(got, nameArgument) < 3 {
		t.Errorf("answers %s", got)
	}
}

// A program without the code of the version that is in force, or of a command
// that is unfinished, says so and goes no further.
func TestVersionThatIsNotCarried(t *testing.T) {
	l := newLab(t, 1, 1, withVersions(2, 1))
	arg := []byte("a")
	l.deliver(order(5000, 0, arg, 0), 1)
	var d disk
	d.write(t, l.node(1).Checkpoint())
	refused := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "start one that carries it") {
			t.Errorf("%s: %v", what, err)
		}
	}
	c := l.node(1).config
	c.Service = versioned(3, 2)
	_, err := restore(c, d.sorted(), d.sum)
	refused("a checkpoint of version 1", err)
	if !errors.Is(err, ErrCheckpoint) {
		t.Error(err)
	}
	// It may come while it runs, and at its first command.
	for what, c := range map[string]struct {
		service *Service
		d       Delivery
	}{
		"an upgrade": {versioned(1), order(5000, CommandUpgrade, Upgrade{1, 2}.Append(nil), 0)},
		"a command":  {versioned(2), order(5000, 0, arg, 0)},
	} {
		l := newLab(t, 1, 1, func(cfg *Config) { cfg.Service = c.service })
		l.mayStop = true
		l.deliver(c.d, 1)
		refused(what, l.node(1).Err())
	}
}

func TestVersionsOfOneService(t *testing.T) {
	one, three := versioned(1), versioned(3, 1, 2)
	if one.Fingerprint() != three.Fingerprint() {
		t.Error("versions of a service are strangers")
	}
	if err := three.Validate(); err != nil {
		t.Error(err)
	}
	none := versioned(1)
	if none.Version = 0; none.Fingerprint() == one.Fingerprint() {
		t.Error("a service without versions is taken for one with")
	}
	for want, spoil := range map[string]func(*Service){
		"must rise":        func(s *Service) { s.Former[1].Version = 1 },
		"to below 3":       func(s *Service) { s.Former[1].Version = 3 },
		"names and flags":  func(s *Service) { s.Former[0].Commands[0].Name = "x" },
		"more than 2":      func(s *Service) { s.Former[1].Commands = append(s.Former[1].Commands, CommandSpec{Name: "y"}) },
		"from 1, to below": func(s *Service) { s.Former[0].Version = 0 },
	} {
		s := versioned(3, 1, 2)
		spoil(s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}

// oneRun has one run, until its turn.
type oneRun struct{ run *Run }

func (x *oneRun) Turn(c ids.Command, a ids.Attempt) *Run {
	if name, n := x.run.Command(); name != c || n != a {
		return nil
	}
	return x.run
}
func (*oneRun) Dropped(ids.Command, ids.Attempt) {}
func (*oneRun) Ended(*Ending)                    {}
func (*oneRun) Wrong(*Run)                       {}

func (*oneRun) Told(ids.Command, ids.Attempt, *Reply) bool { return false }

func (*oneRun) Heard(ids.Partition, *Exchange) {}

// A run by a version that is no longer in force at its turn is wrong [F3].
func TestUpgradeBeforeTheTurn(t *testing.T) {
	l := newLab(t, 1, 1, withVersions(2, 1))
	r, x := l.node(1), &oneRun{}
	r.Speculation(x)
	d := order(5001, 0, []byte("a"), 0)
	x.run = r.Speculate(l.now, OptDelivery{Command: d.Command, Attempt: d.Attempt, T0: d.T0, Mark: d.Mark, Dests: d.Dests, Body: d.Body}, 1)
	if x.run == nil || !r.Execute(x.run) {
		t.Fatal("vacuous: the command has not run")
	}
	l.deliver(order(5000, CommandUpgrade, Upgrade{1, 2}.Append(nil), 0), 1)
	l.deliver(d, 1)
	if v, _ := r.state.get(Key{colHash, "a"}); string(v) != "2" || r.counters.RunsWrong != 1 {
		t.Errorf("%q was written, and %d runs were wrong", v, r.counters.RunsWrong)
	}
}
