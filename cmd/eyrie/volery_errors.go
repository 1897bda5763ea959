package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/apps/volery/tree"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// usageError is a wrong use that only a command's own code finds.
type usageError string

func (u usageError) Error() string { return string(u) }

// fail says what went wrong and what to do, and returns the exit code.
func (v *voleryCall) fail(err error) int {
	code := v.code(err)
	name := "eyrie volery " + v.command.name
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

func is(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

func (v *voleryCall) code(err error) int {
	var usage usageError
	switch {
	case errors.As(err, &usage), is(err, cluster.ErrInvalid, tree.ErrOptions), v.c == nil && is(err, fs.ErrNotExist):
		return exitUsage
	case is(err, volery.ErrNoNode):
		return exitNotFound
	case is(err, volery.ErrNodeExists, volery.ErrBadVersion, volery.ErrNotEmpty, volery.ErrBadArguments,
		volery.ErrTooLarge, volery.ErrTooManyChildren,
		tree.ErrConflict, tree.ErrTargetNotEmpty, tree.ErrNotDirectory, tree.ErrMixed):
		return exitRefused
	}
	return clusterCode(err, v.c != nil, v.command.reads)
}

// clusterCode is the exit code for what may go wrong with any service.
func clusterCode(err error, connected, reads bool) int {
	switch {
	case is(err, ssmr.ErrUnavailable):
		return exitUnreachable
	case !connected && is(err, ssmr.ErrRefused):
		return exitRefused
	case is(err, ssmr.ErrNoRoom) && !is(err, ssmr.ErrOutcomeUnknown):
		return exitRefused
	case is(err, ssmr.ErrOutcomeUnknown, context.Canceled, context.DeadlineExceeded):
		if reads {
			return exitUnreachable
		}
		return exitUnknown
	}
	return exitFailed
}

// clusterHint is what to do about that, or "".
func clusterHint(err error, code int, connected bool, file, flag string) string {
	switch {
	case !connected && is(err, ssmr.ErrRefused):
		return fmt.Sprintf("Is %s the file that the cluster's processes were started with, and is this program the same build?", file)
	case is(err, ssmr.ErrNoRoom):
		return "Make room where the cluster's processes keep their data; they go on by themselves."
	case code == exitUnreachable:
		return fmt.Sprintf("Is the cluster of %s running? `eyrie status%s` shows its processes; `eyrie up` starts one.", file, flag)
	}
	return ""
}

// hint is what to do about an error, or "".
func (v *voleryCall) hint(err error, code int) string {
	path := v.nodePath(err)
	flag := ""
	if v.cluster != cluster.DefaultName {
		flag = " --cluster " + v.cluster
	}
	self := func(command string) string { return "`eyrie volery " + command + flag + "`" }
	if hint := clusterHint(err, code, v.c != nil, v.cluster, flag); hint != "" {
		return hint
	}
	switch {
	case code == exitUnknown && v.command.long:
		return "It broke off halfway. Repeat it: what is done is left as it is."
	case code == exitUnknown:
		return fmt.Sprintf("No answer came in time: it may or may not have taken effect, now or yet. Look, with %s, before you repeat it.", self("stat "+path))
	case path != "" && !strings.HasPrefix(path, "/"):
		return fmt.Sprintf("Paths begin with a slash: /%s.", path)
	case is(err, volery.ErrNoNode) && badPath(path) != "": // no node can have that path
		return badPath(path)
	case is(err, volery.ErrNoNode) && (v.command.name == "create" || v.command.name == "import"):
		parent, _ := volery.ParentOf(path)
		return fmt.Sprintf("The node above it, %s, does not exist; %s makes it.", parent, self("create "+parent))
	case is(err, volery.ErrNoNode):
		return fmt.Sprintf("There is no such node; %s lists nodes.", self("ls /"))
	case is(err, volery.ErrNodeExists):
		return fmt.Sprintf("It is there already; %s changes its value.", self("set "+path+" VALUE"))
	case is(err, volery.ErrBadVersion):
		return fmt.Sprintf("Its version is not %d (any more); %s shows it.", v.version, self("stat "+path))
	case is(err, volery.ErrNotEmpty):
		return fmt.Sprintf("It has children; %s deletes them, too.", self("rm -r "+path))
	case is(err, volery.ErrBadArguments):
		return badPath(path)
	case is(err, volery.ErrTooLarge):
		return fmt.Sprintf("A value has at most %s; `eyrie volery import` splits files.", size(volery.MaxValue))
	case is(err, volery.ErrTooManyChildren):
		return "Spread the children over several nodes."
	case is(err, tree.ErrConflict), is(err, tree.ErrTargetNotEmpty):
		return "Choose another place, or give --overwrite to replace what differs."
	case is(err, tree.ErrNotDirectory) && v.command.name == "export":
		return fmt.Sprintf("%s writes a single node's value.", self("get "+v.args[0]))
	case is(err, tree.ErrIncomplete):
		return "Repeat the import that made it."
	case is(err, fs.ErrPermission):
		return "Your account may not read or write that file."
	}
	return ""
}

// nodePath is the node that an error speaks of, or the argument that names
// one.
func (v *voleryCall) nodePath(err error) string {
	var e *volery.Error
	switch {
	case errors.As(err, &e):
		return e.Path
	case v.command.name == "import" && len(v.args) > 1:
		return v.args[1]
	case len(v.args) > 0:
		return v.args[0]
	}
	return ""
}

func badPath(path string) string {
	if path == volery.Root {
		return "The root, /, cannot be deleted."
	}
	if err := volery.CheckPath(path); err != nil {
		return fmt.Sprintf("%v. /a/b is a good path: no empty, . or .. component, no slash at the end, no control characters.", err)
	}
	return ""
}
