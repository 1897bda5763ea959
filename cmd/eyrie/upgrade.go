package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/partition"
)

// runUpgrade has another version of the service come into force.
func runUpgrade(ctx context.Context, e env, args []string) int {
	fs := flags(e, "upgrade", "[flags]", `Has the cluster execute commands by another version of the service's code, from
one point of their order on: of the services that eyrie ships, or of one of your
own, whose code says its version (ssmr.Service.AtVersion). First start each
process anew, one after the other, with a program that carries both versions:

  eyrie status        says which version is in force, and which are carried

then run this command, once. Each process takes a checkpoint; when all have,
programs that carry the new version alone will do. Of two operators who upgrade
from one version one succeeds, and the other is told. A service that says no
version when its cluster is made cannot be upgraded. Exits with 4 if another
version is in force than --from says, or a process does not carry the new one,
with 5 if the cluster cannot be reached.`)
	file := fs.String("cluster", cluster.DefaultName, "the cluster's `file`")
	from := fs.Uint("from", 0, "the `version` that is in force (default: the one that processes say)")
	to := fs.Uint("to", 0, "the `version` that is to be (default: the newest that a process carries)")
	asJSON := fs.Bool("json", false, "print the outcome as JSON")
	timeout := fs.Duration("timeout", 30*time.Second, "how long to wait for the end")
	f, code, ok := parseAndLoad(fs, e, args, file)
	if !ok {
		return code
	}
	if *from > maxVersion || *to > maxVersion {
		return fail(e, "upgrade", exitUsage, fmt.Errorf("versions are numbers up to %d", uint32(maxVersion)))
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	u := partition.Upgrade{From: uint32(*from), To: uint32(*to)}
	code, err := upgrade(ctx, f, *file, &u)
	if *asJSON {
		printUpgradeJSON(e, u, err)
	}
	if err != nil {
		return fail(e, "upgrade", code, err)
	}
	if !*asJSON {
		fmt.Fprintf(e.stdout, "version %d is in force\n", u.To)
	}
	return exitOK
}

const maxVersion = 1<<32 - 1

// upgrade fills in what u leaves open, and has it ordered.
func upgrade(ctx context.Context, f *cluster.File, file string, u *partition.Upgrade) (code int, err error) {
	operator, err := dialOperator(ctx, f, 5*time.Second)
	if code, refused := refusedOperator(err, file); refused != nil {
		return code, refused
	}
	if err != nil {
		return exitUnreachable, fmt.Errorf("%w\n  All processes must run", err)
	}
	all := askAll(ctx, operator, f, 2*time.Second)
	operator.Close()
	service, err := checkCarried(all, u)
	if err != nil {
		return exitRefused, err
	}
	c, err := dialAs(ctx, f, service)
	if err != nil {
		return exitUnreachable, err
	}
	defer c.Close()
	switch err := c.Upgrade(ctx, *u); {
	case errors.Is(err, partition.ErrVersion):
		return exitRefused, err
	case err != nil:
		return exitFailed, fmt.Errorf("%w\n  eyrie status says which version is in force; the command may be run again", err)
	}
	return exitOK, nil
}

// dialAs connects to a cluster as a client of its service, whose commands this
// program need not know.
func dialAs(ctx context.Context, f *cluster.File, s *node.ServiceStatus) (*host.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	config := host.FileOperator(f)
	config.Fingerprint = s.Fingerprint
	return host.Dial(ctx, config)
}

// checkCarried refuses an upgrade to what a process does not carry: it would
// stop. It fills in what u leaves open: the version in force, and the newest.
func checkCarried(all []processStatus, u *partition.Upgrade) (service *node.ServiceStatus, err error) {
	newest, now := u.To, uint32(0)
	for _, p := range all {
		if p.Reachable && p.Status.Service != nil {
			service = p.Status.Service
			newest = max(newest, p.Status.Replica.Carried)
			now = max(now, p.Status.Replica.Version)
		}
	}
	if u.From == 0 {
		u.From = now
	}
	if u.To == 0 {
		u.To = newest
	}
	switch {
	case service == nil:
		return nil, errors.New("no process says which service it executes: start them all, with programs of one build")
	case newest == 0:
		return nil, fmt.Errorf("the code of service %q says no version, so what its processes keep is bound to this very code, and no other may go on with it\n  A new cluster, of a service that begins with AtVersion(1) (package ssmr), can be upgraded", service.Name)
	case u.From != now:
		return nil, fmt.Errorf("%w: version %d is, not %d", partition.ErrVersion, now, u.From)
	case u.To <= u.From:
		return nil, fmt.Errorf("version %d is in force, and no process that answers carries a newer one than %d\n  Start each process anew, with a program that carries both, and run this again", u.From, newest)
	}
	var bad []string
	for _, p := range all {
		switch {
		case !p.Reachable:
			bad = append(bad, fmt.Sprintf("process %d does not answer", p.Process))
		case p.Status.Replica.Carried < u.To:
			bad = append(bad, fmt.Sprintf("process %d carries version %d at most", p.Process, p.Status.Replica.Carried))
		}
	}
	if len(bad) > 0 {
		return nil, fmt.Errorf("%s\n  It would stop: start it with a program that carries version %d, and run this again", strings.Join(bad, "; "), u.To)
	}
	return service, nil
}

func printUpgradeJSON(e env, u partition.Upgrade, err error) {
	o := struct {
		From    uint32 `json:"from"`
		To      uint32 `json:"to"`
		InForce bool   `json:"in_force"`
		Error   string `json:"error,omitempty"`
	}{u.From, u.To, err == nil, ""}
	if err != nil {
		o.Error = err.Error()
	}
	printJSON(e.stdout, o)
}
