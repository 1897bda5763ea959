package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/apps/volery/tree"
	"github.com/eyrie-dev/eyrie/internal/cluster"
)

// hint is what to do about an error, or "".
func (v *voleryCall) hint(err error, code int) string {
	path := v.nodePath(err)
	line := func(command string) string { return "eyrie volery " + command + v.clusterFlag() }
	self := func(command string) string { return "`" + line(command) + "`" }
	if hint := v.clusterHint(err, code); hint != "" {
		return hint
	}
	switch {
	case code == exitUnknown:
		return v.unknownHint(line("stat " + path))
	case path != "" && !strings.HasPrefix(path, "/"):
		return fmt.Sprintf("Paths begin with a slash: /%s.", path)
	case code == exitUsage && volery.CheckPath(path) != nil && !is(err, cluster.ErrInvalid):
		return "/a/b is a good path: no empty, . or .. component, no slash at the end, no control characters."
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
	case is(err, volery.ErrBadArguments) && path == volery.Root:
		return "The root, /, cannot be deleted."
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
	case is(err, tree.ErrUnsupported):
		return "Volery has no such nodes, so it was left out; everything else is imported."
	case is(err, fs.ErrPermission):
		return "Your account may not read or write that file."
	}
	return ""
}

// nodePath is the node that an error speaks of, or the argument that names
// one.
func (v *voleryCall) nodePath(err error) string {
	var e *volery.Error
	if errors.As(err, &e) {
		return e.Path
	}
	return v.path()
}
