package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// usageError is a wrong use that only a command's own code finds.
type usageError string

func (u usageError) Error() string { return string(u) }

// faults are an application's own errors, by exit code.
type faults struct{ usage, notFound, refused []error }

func is(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

// fail says what went wrong and what to do, and returns the exit code.
func (a *application) fail(err error) int {
	code := a.code(err)
	text := err.Error()
	if code == exitUnreachable { // a read has no outcome that could be unknown
		text = strings.Replace(text, ssmr.ErrOutcomeUnknown.Error(), "no answer", 1)
	}
	name := "eyrie " + a.name + " " + a.command.name
	if a.json {
		json.NewEncoder(a.stderr).Encode(map[string]any{"command": name, "error": text, "exit": code})
		return code
	}
	fmt.Fprintf(a.stderr, "%s: %s\n", name, text)
	if hint := a.advise(err, code); hint != "" {
		fmt.Fprintf(a.stderr, "  %s\n", hint)
	}
	return code
}

func (a *application) code(err error) int {
	var usage usageError
	switch {
	case errors.As(err, &usage), is(err, cluster.ErrInvalid), is(err, a.faults.usage...), !a.connected && is(err, fs.ErrNotExist):
		return exitUsage
	case is(err, a.faults.notFound...):
		return exitNotFound
	case is(err, a.faults.refused...):
		return exitRefused
	case is(err, ssmr.ErrUnavailable):
		return exitUnreachable
	case !a.connected && is(err, ssmr.ErrRefused):
		return exitRefused
	case is(err, ssmr.ErrNoRoom, ssmr.ErrBusy) && !is(err, ssmr.ErrOutcomeUnknown):
		return exitRefused
	case is(err, ssmr.ErrOutcomeUnknown, context.Canceled, context.DeadlineExceeded):
		if a.command.reads {
			return exitUnreachable
		}
		return exitUnknown
	}
	return exitFailed
}

// clusterFlag is the flag that names the same cluster in another command line.
func (a *application) clusterFlag() string { return clusterFlag(a.cluster) }

func clusterFlag(file string) string {
	if file == cluster.DefaultName {
		return ""
	}
	return " --cluster " + quoted(file)
}

// clusterHint is what to do about what may go wrong with any service, or "".
func (a *application) clusterHint(err error, code int) string {
	switch {
	case !a.connected && is(err, transport.ErrService):
		return "The cluster executes another service than those of this program: speak to it by a program that has that service. eyrie status, replace, forget and upgrade serve it."
	case !a.connected && is(err, ssmr.ErrRefused):
		return fmt.Sprintf("Is %s the file that the cluster's processes were started with, and is this program the same build?", a.cluster)
	case is(err, ssmr.ErrNoRoom):
		return "Make room where the cluster's processes keep their data; they go on by themselves."
	case is(err, ssmr.ErrBusy):
		return fmt.Sprintf("Repeat it later; `eyrie status%s` shows which processes are away or behind.", a.clusterFlag())
	case code == exitUnreachable && a.connected:
		return fmt.Sprintf("More than half of each partition's processes must run, for reads, too: `eyrie status%s` shows them.", a.clusterFlag())
	case code == exitUnreachable:
		return fmt.Sprintf("Is the cluster of %s running? `eyrie status%s` shows its processes; `eyrie up` starts one.", a.cluster, a.clusterFlag())
	}
	return ""
}

// unknownHint is what to do when the outcome is unknown; look is the command
// line that shows it.
func (a *application) unknownHint(look string) string {
	if a.command.tries > 0 {
		return fmt.Sprintf("It broke off halfway. `eyrie status%s` shows whether enough processes answer; then repeat it: what is done is left as it is.", a.clusterFlag())
	}
	return fmt.Sprintf("No answer came in time: it may or may not have taken effect, now or yet. Look, with `%s`, before you repeat it; `eyrie status%s` shows processes that are away and disks that are full.", look, a.clusterFlag())
}

// print writes one JSON document.
func (a *application) print(doc any) error { return json.NewEncoder(a.stdout).Encode(doc) }
