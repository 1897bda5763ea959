package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// application is `eyrie NAME COMMAND`, which talks to one service of a running
// cluster: what all such services' commands have in common. It is made for one
// run; a service's own type embeds it and fills in the first part.
type application struct {
	name, about string
	absent      string // what exit code 3 means
	cuts        string // in the list of commands, each about ends at the first of these
	commands    []action
	elsewhere   []action                // are listed, too; others run them
	check       func() error            // of arguments and flags, before anything is dialed
	use         func(*ssmr.Client)      // is told the connection
	faults      faults                  // of its own
	advise      func(error, int) string // what to do about an error and its code, or ""

	// What the command line says:
	env
	cluster string
	json    bool
	timeout time.Duration
	window  int // of the connection; a command's flag
	command *action
	args    []string
	given   map[string]bool // flags

	connected bool
	steps     steps // of a long command
}

// action is one of an application's commands.
type action struct {
	name, synopsis, about string
	least, most           int // positional arguments
	// reads: the command changes nothing, so an answer that did not come
	// leaves nothing unknown.
	reads bool
	// tries is not zero for long commands, which have no timeout of their own: each of
	// their calls that is not answered is made so often, each time for the horizon.
	tries int
	flags func(*flag.FlagSet)
	run   func(context.Context) error
}

// dialer connects to the cluster that a file describes.
type dialer func(ctx context.Context, file string, window int) (*ssmr.Client, error)

func dialService(ctx context.Context, file string, window int) (*ssmr.Client, error) {
	return ssmr.Dial(ctx, file, apps.Service, ssmr.ClientConfig{Window: window})
}

func (a *application) usage(w io.Writer) {
	fmt.Fprintf(w, "Usage: eyrie %s COMMAND [flags]\n\n%s\n\n", a.name, a.about)
	all := append(a.commands[:len(a.commands):len(a.commands)], a.elsewhere...)
	names, synopses := 0, 0
	for _, c := range all {
		names, synopses = max(names, len(c.name)), max(synopses, len(c.synopsis)+1)
	}
	for _, c := range all {
		about := c.about
		if i := strings.IndexAny(about, a.cuts); i >= 0 {
			about = about[:i]
		}
		fmt.Fprintf(w, "  %-*s %-*s %s\n", names, c.name, synopses, c.synopsis, strings.ReplaceAll(about, "\n", " "))
	}
	fmt.Fprintf(w, "\neyrie %s COMMAND --help says more. Exit codes: 0 done, 1 failed, 2 wrong usage,\n3 %s, 4 refused, 5 unreachable, 6 outcome unknown.\n", a.name, a.absent)
}

// run finds the command, connects, and runs it.
func (a *application) run(ctx context.Context, e env, dial dialer, args []string) int {
	a.env, a.cluster, a.timeout = e, cluster.DefaultName, 10*time.Second
	shared := flags(e, a.name, "COMMAND [flags]", "")
	shared.Usage = func() { a.usage(shared.Output()) }
	a.sharedFlags(shared)
	if code, ok := parse(shared, e, args, len(args)); !ok {
		return code
	}
	args = shared.Args()
	if len(args) == 0 {
		if e.asJSON {
			return fail(e, a.name, exitUsage, errors.New("no command is given"))
		}
		a.usage(e.stderr)
		return exitUsage
	}
	for i := range a.commands {
		if a.commands[i].name == args[0] {
			a.command = &a.commands[i]
			return a.runCommand(ctx, dial, args[1:])
		}
	}
	if args[0] == "help" {
		a.usage(e.stdout)
		return exitOK
	}
	return misused(e, a.name, fmt.Sprintf("there is no command %q", args[0]), a.usage)
}

func (a *application) sharedFlags(fs *flag.FlagSet) {
	fs.StringVar(&a.cluster, "cluster", a.cluster, "the cluster's `file`")
	fs.BoolVar(&a.json, "json", a.json, "print JSON")
	what := "how long to wait for an answer, and to connect"
	if a.command != nil && a.command.tries > 0 {
		what = fmt.Sprintf("how long to wait to connect; what is not answered later is tried %d times, each for the cluster's horizon: a minute, unless its file says otherwise", a.command.tries)
	}
	fs.DurationVar(&a.timeout, "timeout", a.timeout, what)
}

func (a *application) runCommand(ctx context.Context, dial dialer, args []string) int {
	c := a.command
	fs := flags(a.env, a.name+" "+c.name, c.synopsis+" [flags]", c.about)
	a.sharedFlags(fs)
	if c.flags != nil {
		c.flags(fs)
	}
	code, args, ok := interspersed(fs, a.env, args)
	if !ok {
		return code
	}
	if len(args) < c.least || len(args) > c.most {
		return misused(a.env, fs.Name(), wrongCount(len(args), c.least, c.most, c.synopsis), func(io.Writer) { fs.Usage() })
	}
	a.args, a.given = args, map[string]bool{}
	fs.Visit(func(f *flag.Flag) { a.given[f.Name] = true })
	if err := a.dialAndRun(ctx, dial); err != nil {
		return a.fail(err)
	}
	return exitOK
}

func (a *application) dialAndRun(ctx context.Context, dial dialer) error {
	if err := a.check(); err != nil {
		return err
	}
	connecting, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	answered := a.nobodyYet()
	client, err := dial(connecting, a.cluster, a.window)
	answered()
	if err != nil {
		return err
	}
	defer client.Close()
	a.use(client)
	a.connected = true
	if a.command.tries > 0 {
		defer a.watch(ctx)()
		return a.command.run(ctx)
	}
	ctx, cancel = context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return a.command.run(ctx)
}

// arg is a positional argument, "" if there are fewer.
func (a *application) arg(i int) string {
	if i < len(a.args) {
		return a.args[i]
	}
	return ""
}

// likeFlag says whether somebody may have meant a flag, and not a number or a text.
func likeFlag(arg string) bool {
	name := strings.TrimLeft(arg, "-")
	return name != "" && unicode.IsLetter(rune(name[0])) && !strings.Contains(name, " ")
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

// isValue says whether the argument is that of the flag before it.
func isValue(fs *flag.FlagSet, args []string, at int) bool {
	if at == 0 || !strings.HasPrefix(args[at-1], "-") {
		return false
	}
	f := fs.Lookup(strings.TrimLeft(args[at-1], "-"))
	if f == nil {
		return false
	}
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return !ok || !b.IsBoolFlag()
}

// interspersed parses flags before, between and after positional arguments;
// behind -- everything is positional.
func interspersed(fs *flag.FlagSet, e env, args []string) (code int, positional []string, ok bool) {
	for {
		code, ok := parse(fs, e, args, len(args))
		rest := fs.Args()
		if !ok {
			if at := len(args) - len(rest) - 1; code == exitUsage && !e.asJSON && at >= 0 && !likeFlag(args[at]) && !isValue(fs, args, at) {
				fmt.Fprintf(e.stderr, "\n%q was taken for a flag. What begins with a dash and is none goes behind --, as in: eyrie %s -- %[1]q\n", args[at], fs.Name())
			}
			return code, nil, false
		}
		if at := len(args) - len(rest); len(rest) == 0 || at > 0 && args[at-1] == "--" {
			return exitOK, append(positional, rest...), true
		}
		positional = append(positional, rest[0])
		args = rest[1:]
	}
}
