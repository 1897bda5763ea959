package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/internal/cluster"
)

// runVolery talks to Volery on a running cluster.
func runVolery(ctx context.Context, e env, args []string) int {
	return voleryMain{dial: dialVolery}.run(ctx, e, args)
}

// voleryMain is `eyrie volery`; tests give it a service on one machine.
type voleryMain struct {
	// dial connects to the cluster that a file describes. close ends the
	// connection.
	dial func(ctx context.Context, file string, window int) (c *volery.Client, close func(), err error)
}

// voleryCommand is one of its commands.
type voleryCommand struct {
	name, synopsis, about string
	least, most           int // positional arguments
	// reads: the command changes nothing, so an answer that did not come
	// leaves nothing unknown.
	reads bool
	// long commands have no timeout of their own.
	long  bool
	flags func(*flag.FlagSet, *voleryOptions)
	run   func(ctx context.Context, v *voleryCall) error
}

// voleryOptions are what flags say.
type voleryOptions struct {
	cluster   string
	json      bool
	timeout   time.Duration
	version   int
	recursive bool
	overwrite bool
	window    int
	quiet     bool
}

// voleryCall is one run of a command.
type voleryCall struct {
	env
	voleryOptions
	command *voleryCommand
	args    []string
	c       *volery.Client
}

func voleryCommands() []voleryCommand {
	return []voleryCommand{
		{name: "ls", synopsis: "[PATH]", most: 1, reads: true, run: voleryLs,
			about: "Lists the names of the children of the node at PATH, / if not given."},
		{name: "get", synopsis: "PATH", least: 1, most: 1, reads: true, run: voleryGet,
			about: "Writes the value of the node at PATH to standard output, as it is."},
		{name: "set", synopsis: "PATH VALUE", least: 2, most: 2, run: volerySet, flags: versionFlag,
			about: "Changes the value of the node at PATH.\n\n" + aboutValue},
		{name: "create", synopsis: "PATH [VALUE]", least: 1, most: 2, run: voleryCreate,
			about: "Creates a node at PATH; the node above it must exist.\n\n" + aboutValue},
		{name: "rm", synopsis: "PATH", least: 1, most: 1, run: voleryRm, long: true,
			flags: func(fs *flag.FlagSet, o *voleryOptions) {
				versionFlag(fs, o)
				fs.BoolVar(&o.recursive, "r", false, "delete what is below it, too (many commands, leaves first)")
				fs.BoolVar(&o.quiet, "q", false, "show no progress")
			},
			about: "Deletes the node at PATH, which must have no children."},
		{name: "stat", synopsis: "PATH", least: 1, most: 1, reads: true, run: voleryStat,
			about: "Shows what is known of the node at PATH beside its value."},
		{name: "import", synopsis: "DIR PATH", least: 2, most: 2, run: voleryImport, long: true, flags: copyFlags,
			about: `Copies the directory DIR to the node at PATH: directories, files and symbolic
links. An import that broke off is completed by repeating it; nodes that are
there already, with another value, are an error unless --overwrite is given.`},
		{name: "export", synopsis: "PATH DIR", least: 2, most: 2, reads: true, run: voleryExport, long: true, flags: copyFlags,
			about: `Copies the node at PATH and all below it to the directory DIR, which must be
empty or not exist, unless --overwrite is given. What was imported comes back
as it was.`},
	}
}

const aboutValue = `VALUE is the text itself; @FILE is the content of FILE, - is what is on standard
input, and @@TEXT is @TEXT.`

func versionFlag(fs *flag.FlagSet, o *voleryOptions) {
	fs.IntVar(&o.version, "version", int(volery.AnyVersion), "only if the node has version `N`; -1 is any")
}

func copyFlags(fs *flag.FlagSet, o *voleryOptions) {
	fs.BoolVar(&o.overwrite, "overwrite", false, "replace what is there and differs")
	fs.IntVar(&o.window, "window", 0, "outstanding calls, 0 for the default of 25")
	fs.BoolVar(&o.quiet, "q", false, "show no progress")
}

func voleryUsage(w io.Writer) {
	fmt.Fprintf(w, "Usage: eyrie volery COMMAND [flags]\n\nTalks to Volery, the ZooKeeper-like service of a running cluster.\n\n")
	for _, c := range voleryCommands() {
		about, _, _ := strings.Cut(c.about, ".")
		fmt.Fprintf(w, "  %-6s %-13s %s\n", c.name, c.synopsis, strings.ReplaceAll(about, "\n", " "))
	}
	fmt.Fprintf(w, "\neyrie volery COMMAND --help says more. Exit codes: 0 done, 1 failed, 2 wrong usage,\n3 no such node, 4 refused, 5 unreachable, 6 outcome unknown.\n")
}

// run finds the command, connects, and runs it.
func (m voleryMain) run(ctx context.Context, e env, args []string) int {
	var o voleryOptions
	shared := flags(e, "volery", "COMMAND [flags]", "")
	shared.Usage = func() { voleryUsage(shared.Output()) }
	sharedFlags(shared, &o)
	if code, ok := parse(shared, e, args, len(args)); !ok {
		return code
	}
	args = shared.Args()
	if len(args) == 0 {
		voleryUsage(e.stderr)
		return exitUsage
	}
	for _, c := range voleryCommands() {
		if c.name == args[0] {
			return m.runCommand(ctx, e, &c, o, args[1:])
		}
	}
	if args[0] == "help" {
		voleryUsage(e.stdout)
		return exitOK
	}
	fmt.Fprintf(e.stderr, "eyrie volery: there is no command %q\n\n", args[0])
	voleryUsage(e.stderr)
	return exitUsage
}

func sharedFlags(fs *flag.FlagSet, o *voleryOptions) {
	if o.cluster == "" {
		o.cluster, o.timeout = cluster.DefaultName, 10*time.Second
	}
	fs.StringVar(&o.cluster, "cluster", o.cluster, "the cluster's `file`")
	fs.BoolVar(&o.json, "json", o.json, "print JSON")
	fs.DurationVar(&o.timeout, "timeout", o.timeout, "how long to wait for an answer, and to connect")
}

func (m voleryMain) runCommand(ctx context.Context, e env, c *voleryCommand, o voleryOptions, args []string) int {
	name := "volery " + c.name
	fs := flags(e, name, c.synopsis+" [flags]", c.about)
	sharedFlags(fs, &o)
	if c.flags != nil {
		c.flags(fs, &o)
	}
	code, args, ok := interspersed(fs, e, args)
	if !ok {
		return code
	}
	if len(args) < c.least || len(args) > c.most {
		fmt.Fprintf(e.stderr, "eyrie %s: %s\n", name, wrongCount(len(args), c.least, c.most, c.synopsis))
		fs.Usage()
		return exitUsage
	}
	v := &voleryCall{env: e, voleryOptions: o, command: c, args: args}
	connecting, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	client, done, err := m.dial(connecting, o.cluster, o.window)
	if err != nil {
		return v.fail(err)
	}
	defer done()
	v.c = client
	if c.name == "rm" && !o.recursive {
		v.command.long = false
	}
	if !v.command.long {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	if err := c.run(ctx, v); err != nil {
		return v.fail(err)
	}
	return exitOK
}

// wrongCount says of a command line that it has too few or too many arguments.
func wrongCount(given, least, most int, synopsis string) string {
	arguments, takes := "arguments", fmt.Sprint(most)
	if given == 1 {
		arguments = "argument"
	}
	if least < most {
		takes = fmt.Sprintf("%d or %d", least, most)
	}
	hint := ""
	if given > most && (strings.Contains(synopsis, "TEXT") || strings.Contains(synopsis, "VALUE")) {
		hint = "; what has blanks in it needs quotes"
	}
	return fmt.Sprintf("%d %s given, it takes %s%s", given, arguments, takes, hint)
}

// interspersed parses flags before, between and after positional arguments;
// behind -- everything is positional.
func interspersed(fs *flag.FlagSet, e env, args []string) (code int, positional []string, ok bool) {
	for {
		if code, ok := parse(fs, e, args, len(args)); !ok {
			return code, nil, false
		}
		rest := fs.Args()
		if at := len(args) - len(rest); len(rest) == 0 || at > 0 && args[at-1] == "--" {
			return exitOK, append(positional, rest...), true
		}
		positional = append(positional, rest[0])
		args = rest[1:]
	}
}
