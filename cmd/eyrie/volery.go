package main

import (
	"context"
	"flag"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/apps/volery/tree"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// runVolery talks to Volery on a running cluster.
func runVolery(ctx context.Context, e env, args []string) int {
	return newVolery().run(ctx, e, dialService, args)
}

// voleryCall is one run of a command.
type voleryCall struct {
	application
	c *volery.Client

	// Flags:
	version                     int
	recursive, overwrite, quiet bool
}

func newVolery() *voleryCall {
	v := &voleryCall{}
	v.application = application{
		name: "volery", about: "Talks to Volery, the ZooKeeper-like service of a running cluster.",
		absent: "no such node", cuts: ".", commands: v.actions(),
		check: v.check, use: func(c *ssmr.Client) { v.c = volery.NewClient(c) }, advise: v.hint,
		faults: faults{
			usage:    []error{tree.ErrOptions},
			notFound: []error{volery.ErrNoNode},
			refused: []error{volery.ErrNodeExists, volery.ErrBadVersion, volery.ErrNotEmpty, volery.ErrBadArguments,
				volery.ErrTooLarge, volery.ErrTooManyChildren,
				tree.ErrConflict, tree.ErrTargetNotEmpty, tree.ErrNotDirectory, tree.ErrMixed, tree.ErrUnsupported},
		},
	}
	return v
}

func (v *voleryCall) actions() []action {
	return []action{
		{name: "ls", synopsis: "[PATH]", most: 1, reads: true, run: v.ls,
			about: "Lists the names of the children of the node at PATH, / if not given."},
		{name: "get", synopsis: "PATH", least: 1, most: 1, reads: true, run: v.get,
			about: "Writes the value of the node at PATH to standard output, as it is."},
		{name: "set", synopsis: "PATH VALUE", least: 2, most: 2, run: v.set, flags: v.versionFlag,
			about: "Changes the value of the node at PATH.\n\n" + aboutValue},
		{name: "create", synopsis: "PATH [VALUE]", least: 1, most: 2, run: v.create,
			about: "Creates a node at PATH; the node above it must exist.\n\n" + aboutValue},
		{name: "rm", synopsis: "PATH", least: 1, most: 1, run: v.rm, tries: tree.Attempts,
			flags: func(fs *flag.FlagSet) {
				v.versionFlag(fs)
				fs.BoolVar(&v.recursive, "r", false, "delete what is below it, too (many commands, leaves first)")
				fs.BoolVar(&v.quiet, "q", false, "show no progress")
			},
			about: "Deletes the node at PATH, which must have no children."},
		{name: "stat", synopsis: "PATH", least: 1, most: 1, reads: true, run: v.stat,
			about: "Shows what is known of the node at PATH beside its value."},
		{name: "import", synopsis: "DIR PATH", least: 2, most: 2, run: v.importTree, tries: tree.Attempts, flags: v.copyFlags,
			about: `Copies the directory DIR to the node at PATH: directories, files and symbolic
links. An import that broke off is completed by repeating it; nodes that are
there already, with another value, are an error unless --overwrite is given.`},
		{name: "export", synopsis: "PATH DIR", least: 2, most: 2, reads: true, run: v.exportTree, tries: tree.Attempts, flags: v.copyFlags,
			about: `Copies the node at PATH and all below it to the directory DIR, which must be
empty or not exist, unless --overwrite is given. What was imported comes back
as it was.`},
	}
}

const aboutValue = `VALUE is the text itself; @FILE is the content of FILE, - is what is on standard
input, and @@TEXT is @TEXT.`

func (v *voleryCall) versionFlag(fs *flag.FlagSet) {
	fs.IntVar(&v.version, "version", int(volery.AnyVersion), "only if the node has version `N`; -1 is any")
}

func (v *voleryCall) copyFlags(fs *flag.FlagSet) {
	fs.BoolVar(&v.overwrite, "overwrite", false, "replace what is there and differs")
	fs.IntVar(&v.window, "window", 0, "outstanding calls, 0 for the default of 25")
	fs.BoolVar(&v.quiet, "q", false, "show no progress")
}

// check finds what is wrong before anything is dialed, and has the removal of one
// node wait no longer than others.
func (v *voleryCall) check() error {
	if v.command.name == "rm" && !v.recursive {
		v.command.tries = 0
	}
	if len(v.args) == 0 {
		return nil
	}
	if err := volery.CheckPath(v.path()); err != nil {
		return usageError(err.Error())
	}
	if v.window < 0 {
		return usageError("--window must be at least 1, or 0 for the default")
	}
	_, err := v.wantedVersion()
	return err
}

// path is the argument that names a node.
func (v *voleryCall) path() string {
	if v.command.name == "import" {
		return v.arg(1)
	}
	return v.arg(0)
}
