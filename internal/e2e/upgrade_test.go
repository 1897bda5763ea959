package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/ssmr"
)

// tally is a service that eyrie knows nothing of: a counter that counts by as much
// as its code's version says.
func tally(version uint32, former ...*ssmr.Service) (*ssmr.Service, *ssmr.Command[string, int]) {
	counters := ssmr.NewCollection[string, int]("counters")
	count := ssmr.NewCommand("count",
		func(name string) ssmr.Access { return ssmr.Exactly(counters.Writes(name)) },
		func(tx ssmr.Tx, name string) (int, error) {
			n, _ := counters.Get(tx, name)
			n += int(version)
			counters.Put(tx, name, n)
			return n, nil
		})
	s := ssmr.NewService("tally", counters, count)
	if version > 0 {
		s.AtVersion(version, former...)
	}
	return s, count
}

// TestUpgradeOfOnesOwnService: eyrie upgrade serves clusters of a service that it
// does not ship, and explains what stands in the way.
func TestUpgradeOfOnesOwnService(t *testing.T) {
	t.Parallel()
	p := newCluster(t, t.TempDir(), 2, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := func(s *ssmr.Service) (stop func()) {
		var nodes []*ssmr.Node
		for process := 1; process <= 2; process++ {
			n, err := ssmr.StartNode(ctx, p.file, process, s, ssmr.NodeConfig{Dir: fmt.Sprint(p.file, ".", process)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { n.Close() })
			nodes = append(nodes, n)
		}
		for _, n := range nodes {
			if err := n.WaitReady(ctx); err != nil {
				t.Fatal(err)
			}
		}
		return func() {
			for _, n := range nodes {
				n.Close()
			}
		}
	}
	upgrade := bad{"upgrade --cluster " + p.file, 4, nil}
	upgrade.code, upgrade.says = 5, []string{"must run"}
	upgrade.run(t, "")
	first, _ := tally(1)
	stop := run(first)
	upgrade.code, upgrade.says = 4, []string{"version 1 is in force", "carries both"}
	upgrade.run(t, "")
	stop()
	former, _ := tally(1)
	both, count := tally(2, former)
	defer run(both)()
	c, err := ssmr.Dial(ctx, p.file, both, ssmr.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	counts := func(want int) {
		t.Helper()
		if got, err := count.Do(ctx, c, "a"); got != want || err != nil {
			t.Fatalf("%d, %v; want %d", got, err, want)
		}
	}
	counts(1)
	bad{"upgrade --to 3 --cluster " + p.file, 4, []string{"carries version 2 at most"}}.run(t, "")
	if out, code := eyrie(t, nil, "upgrade", "--cluster", p.file); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	counts(3)
	upgrade.says = []string{"version 2 is in force"}
	upgrade.run(t, "")
}

// TestUpgradeWithoutVersions: a service whose code says no version is told how it
// comes by one.
func TestUpgradeWithoutVersions(t *testing.T) {
	t.Parallel()
	p := newCluster(t, t.TempDir(), 1, 1)
	s, _ := tally(0)
	n, err := ssmr.StartNode(t.Context(), p.file, 1, s, ssmr.NodeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	bad{"upgrade --cluster " + p.file, 4, []string{`service "tally"`, "AtVersion"}}.run(t, "")
}
