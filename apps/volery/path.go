package volery

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Root is the path of the node that exists from the start and cannot be
// deleted.
const Root = "/"

// ParentOf is the path of path's parent, whether or not path is valid: what
// stands before the last slash, or Root when that is empty. ok is false when
// path has no slash.
func ParentOf(path string) (parent string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	switch {
	case i < 0:
		return "", false
	case i == 0:
		return Root, true
	}
	return path[:i], true
}

// NameOf is the last component of path: what stands behind the last slash.
func NameOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Join is the path of the child called name of the node at parent.
func Join(parent, name string) string {
	if parent == Root {
		return Root + name
	}
	return parent + "/" + name
}

// CheckPath says what is wrong with a path by ZooKeeper's rules, wrapping
// ErrBadArguments, or returns nil: it starts with "/", does not end with one
// unless it is the root, no component is empty, "." or "..", no character is
// one of U+0000-001F, U+007F-009F, U+D800-F8FF, U+FFF0-FFFF, and it is at most
// MaxPath bytes.
//
// ZooKeeper looks at UTF-16 units, so a character beyond U+FFFF is a pair of
// surrogates to it and as forbidden as those; so it is here. A path that is
// not UTF-8 cannot be spoken to ZooKeeper at all and is refused as well.
func CheckPath(path string) error {
	if reason := pathFault(path); reason != "" {
		return fmt.Errorf("%w: path %q: %s", ErrBadArguments, clip(path), reason)
	}
	return nil
}

// pathFault names the first fault of a path, or "" for a valid one. It
// allocates nothing: every command asks it.
func pathFault(path string) string {
	switch {
	case len(path) > MaxPath:
		return "longer than the limit"
	case path == "" || path[0] != '/':
		return "does not start with a slash"
	case path == Root:
		return ""
	case path[len(path)-1] == '/':
		return "ends with a slash"
	case !utf8.ValidString(path):
		return "is not UTF-8"
	}
	for rest := path[1:]; ; {
		name, more, found := strings.Cut(rest, "/")
		if fault := nameFault(name); fault != "" {
			return fault
		}
		if !found {
			return ""
		}
		rest = more
	}
}

// nameFault names the fault of one component of a path, or "".
func nameFault(name string) string {
	switch name {
	case "":
		return "has an empty component"
	case ".", "..":
		return "has a relative component"
	}
	for _, r := range name {
		if !AllowedRune(r) {
			return "has a character that ZooKeeper forbids"
		}
	}
	return ""
}

// AllowedRune says whether r may stand in a component of a path.
func AllowedRune(r rune) bool {
	switch {
	case r <= 0x1f, r == '/',
		r >= 0x7f && r <= 0x9f,
		r >= 0xd800 && r <= 0xf8ff,
		r >= 0xfff0:
		return false
	}
	return true
}

// Place is the placement key of the node at path: two paths with one key live
// in one partition, together with all their variables.
//
// It is the path itself, save that a node whose name ends like a sequential
// one lives with its parent (and so, if that is one too, with its parent's).
// Such names come from counters, so they serialise at the parent anyway; and
// the rule is known from the path alone, before the number is.
func Place(path string) string {
	for sequential(path) {
		path, _ = ParentOf(path)
	}
	return path
}

// sequential says whether path ends like a sequential node: in a signed 32-bit
// counter printed with %010d. That is ten digits, or, once the counter has
// overflowed, a minus and nine digits (more digits behind a minus end in ten).
func sequential(path string) bool {
	const width = 10
	name := NameOf(path)
	if len(name) == len(path) || len(name) < width {
		return false
	}
	tail := name[len(name)-width:]
	if tail[0] != '-' && (tail[0] < '0' || tail[0] > '9') {
		return false
	}
	for i := 1; i < width; i++ {
		if tail[i] < '0' || tail[i] > '9' {
			return false
		}
	}
	return true
}

// clip shortens what goes into an error text.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
