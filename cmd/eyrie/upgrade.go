package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/partition"
)

// runUpgrade has another version of the service come into force.
func runUpgrade(ctx context.Context, e env, args []string) int {
	fs := flags(e, "upgrade", "[flags]", `Has the cluster execute commands by another version of the service's code, from
one point of their order on. First start each process anew, one after the other,
with a program that carries both versions:

  eyrie status        says which version is in force, and which are carried

then run this command, once, with the new program. Each process takes a
checkpoint; when all have, programs that carry the new version alone will do.
Of two operators who upgrade from one version one succeeds, and the other is
told. Exits with 4 if another version is in force than --from says, or a process
does not carry the new one, with 5 if the cluster cannot be reached.`)
	file := fs.String("cluster", cluster.DefaultName, "the cluster's `file`")
	from := fs.Uint("from", 0, "the `version` that is in force (default: the one that processes say)")
	to := fs.Uint("to", uint(apps.Service.Definition().Version), "the `version` that is to be")
	timeout := fs.Duration("timeout", 30*time.Second, "how long to wait for the end")
	f, code, ok := parseAndLoad(fs, e, args, file)
	if !ok {
		return code
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	c, err := dialOwn(ctx, f, 5*time.Second)
	if err != nil {
		return fail(e, "upgrade", exitUnreachable, err)
	}
	defer c.Close()
	u := partition.Upgrade{From: uint32(*from), To: uint32(*to)}
	if err := checkCarried(ctx, c, f, &u); err != nil {
		return fail(e, "upgrade", exitRefused, err)
	}
	switch err := c.Upgrade(ctx, u); {
	case errors.Is(err, partition.ErrVersion):
		return fail(e, "upgrade", exitRefused, err)
	case err != nil:
		return fail(e, "upgrade", exitFailed, fmt.Errorf("%w\n  eyrie status says which version is in force; the command may be run again", err))
	}
	fmt.Fprintf(e.stdout, "version %d is in force\n", u.To)
	return 0
}

// dialOwn connects to a cluster that runs the service of this program.
func dialOwn(ctx context.Context, f *cluster.File, timeout time.Duration) (*host.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	service := apps.Service
	return host.Dial(ctx, host.FileClient(f, service.Definition(), service.Map(len(f.Partitions))))
}

// checkCarried refuses an upgrade to what a process does not carry: it would
// stop. It fills in the version in force if none was given.
func checkCarried(ctx context.Context, c *host.Client, f *cluster.File, u *partition.Upgrade) error {
	var bad []string
	for _, p := range askAll(ctx, c, f, 2*time.Second) {
		switch {
		case !p.Reachable:
			bad = append(bad, fmt.Sprintf("process %d does not answer", p.Process))
		case p.Status.Replica.Carried < u.To:
			bad = append(bad, fmt.Sprintf("process %d carries version %d at most", p.Process, p.Status.Replica.Carried))
		case u.From == 0:
			u.From = p.Status.Replica.Version
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("%s\n  It would stop: start it with a program that carries version %d, and run this again", strings.Join(bad, "; "), u.To)
	}
	if u.To <= u.From {
		return fmt.Errorf("version %d is in force: there is nothing newer to come", u.From)
	}
	return nil
}
