package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/chirper/graph"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// fail says what went wrong and what to do, and returns the exit code.
func (v *chirperCall) fail(err error) int {
	code := v.code(err)
	name := "eyrie chirper " + v.command.name
	if v.json {
		json.NewEncoder(v.stderr).Encode(map[string]any{"command": name, "error": err.Error(), "exit": code})
		return code
	}
	fmt.Fprintf(v.stderr, "%s: %v\n", name, err)
	if hint := v.hint(err, code); hint != "" {
		fmt.Fprintf(v.stderr, "  %s\n", hint)
	}
	return code
}

func (v *chirperCall) code(err error) int {
	var usage usageError
	switch {
	case errors.As(err, &usage), is(err, cluster.ErrInvalid), v.c == nil && is(err, fs.ErrNotExist):
		return exitUsage
	case is(err, chirper.ErrNoUser):
		return exitNotFound
	case is(err, chirper.ErrBadUser, chirper.ErrSelf, chirper.ErrBadText, chirper.ErrTooManyFollowing,
		chirper.ErrTooManyFollowers, chirper.ErrTooWide, graph.ErrFormat, graph.ErrDamaged, graph.ErrTooLarge):
		return exitRefused
	}
	return clusterCode(err, v.c != nil, v.command.reads)
}

// hint is what to do about an error, or "".
func (v *chirperCall) hint(err error, code int) string {
	flag := ""
	if v.cluster != cluster.DefaultName {
		flag = " --cluster " + v.cluster
	}
	switch {
	case is(err, chirper.ErrNoUser):
		return fmt.Sprintf("`eyrie chirper join USER%s` makes a user; `eyrie chirper load%[1]s` many.", flag)
	case is(err, chirper.ErrBadText):
		return fmt.Sprintf("A text has 1 to %d characters and at most %d bytes of UTF-8, and no control characters.", chirper.MaxText, chirper.MaxTextBytes)
	case is(err, graph.ErrFormat):
		return "Each line has the numbers of two users, with a blank between; lines that begin with # are left out."
	case is(err, graph.ErrDamaged):
		return "It is not a whole gzip file. Nothing was loaded."
	case is(err, ssmr.ErrBudget):
		return "It concerns too much for one command."
	case code == exitUnknown && v.command.name == "load":
		return "It broke off halfway. Repeat it: what is done is left as it is."
	case code == exitUnknown:
		return fmt.Sprintf("No answer came in time: it may or may not have taken effect, now or yet. Look, with `eyrie chirper timeline %s%s`, before you repeat it.", v.args[0], flag)
	}
	return clusterHint(err, code, v.c != nil, v.cluster, flag)
}
