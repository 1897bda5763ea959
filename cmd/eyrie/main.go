// Command eyrie starts nodes and local clusters, talks to them, simulates
// them, and measures them.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"github.com/eyrie-dev/eyrie/internal/cluster"
)

// Exit codes, the same for every command.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitRefused     = 4
	exitUnreachable = 5
	exitUnknown     = 6 // the outcome of a command is unknown
)

// env is what a command may touch.
type env struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	// asJSON: the command line has --json, so that a program reads what is said,
	// errors included.
	asJSON bool
}

// command is one of eyrie's commands; run returns the exit code.
type command struct {
	name  string
	short string
	run   func(ctx context.Context, e env, args []string) int
}

func commands() []command {
	return []command{
		{"up", "start a whole local cluster in this process", runUp},
		{"init", "write the file of a cluster of several processes", runInit},
		{"node", "run one process of a cluster", runNode},
		{"status", "show the processes of a running cluster", runStatus},
		{"replace", "put a new process in the place of one whose disk is lost", runReplace},
		{"forget", "give up what one process has in a directory shared with others", runForget},
		{"upgrade", "have another version of the service come into force", runUpgrade},
		{"volery", "talk to Volery, the ZooKeeper-like service", runVolery},
		{"chirper", "talk to Chirper, the social network, and serve its page", runChirper},
		{"sim", "simulate clusters under faults and check every reply", runSim},
		{"bench", "measure", runBench},
		{"version", "say which build this is", runVersion},
	}
}

func main() {
	// No samples of allocations, unless bench -allocprofile asks for them: a stack is
	// walked for each, which was a fortieth of what an ordered message of 64 kB costs.
	runtime.MemProfileRate = 0
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	out := &keeper{w: os.Stdout}
	code := run(ctx, env{stdin: os.Stdin, stdout: out, stderr: os.Stderr}, os.Args[1:])
	stop()
	if out.err != nil && code == exitOK {
		fmt.Fprintf(os.Stderr, "eyrie: what this says could not be written: %v\n", out.err)
		code = exitFailed
	}
	os.Exit(code)
}

// keeper keeps the first error of writing: who prints does not look at it, and a program
// that reads what was printed must not take a part of it for all.
type keeper struct {
	w   io.Writer
	mu  sync.Mutex
	err error
}

func (k *keeper) Write(b []byte) (int, error) {
	n, err := k.w.Write(b)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = cmp.Or(k.err, err)
	return n, err
}

func run(ctx context.Context, e env, args []string) int {
	if len(args) == 0 {
		usage(e.stderr)
		return exitUsage
	}
	e.asJSON = wantsJSON(args)
	switch args[0] {
	case "help":
		if len(args) > 1 && !isHelp(args[1]) {
			return run(ctx, e, append(args[1:], "--help"))
		}
		usage(e.stdout)
		return exitOK
	case "-h", "-help", "--help":
		usage(e.stdout)
		return exitOK
	case "-version", "--version":
		args[0] = "version"
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, e, args[1:])
		}
	}
	return misused(e, "", fmt.Sprintf("there is no command %q", args[0]), usage)
}

// wantsJSON says whether a command line has --json, right or wrong as it may be.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		switch arg {
		case "--json", "-json", "--json=true", "-json=true":
			return true
		case "--":
			return false
		}
	}
	return false
}

// misused says what is wrong with a command line, and to people how it is used.
func misused(e env, name, what string, usage func(io.Writer)) int {
	code := fail(e, name, exitUsage, errors.New(what))
	if !e.asJSON {
		fmt.Fprintln(e.stderr)
		usage(e.stderr)
	}
	return code
}

func usage(w io.Writer) {
	fmt.Fprintf(w, "Eyrie: services partitioned, replicated and linearizable.\n\nUsage: eyrie COMMAND [flags]; eyrie COMMAND --help says more.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.short)
	}
	fmt.Fprintf(w, "\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused,\n5 unreachable, 6 outcome unknown.\n")
}

// flags makes a command's flag set; about is its help's first paragraph.
func flags(e env, name, synopsis, about string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(e.stderr)
	fs.Usage = func() {
		fmt.Fprintf(fs.Output(), "Usage: eyrie %s %s\n\n%s\n\nFlags:\n", name, synopsis, about)
		fs.PrintDefaults()
	}
	return fs
}

// parse parses flags and checks that at most max arguments follow them. ok is
// false when the command should end with code.
func parse(fs *flag.FlagSet, e env, args []string, max int) (code int, ok bool) {
	fs.SetOutput(io.Discard) // an error is said below, once, and without pages of help behind it
	if slices.ContainsFunc(args, isHelp) {
		fs.SetOutput(e.stdout)
	}
	err := fs.Parse(args)
	fs.SetOutput(e.stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK, false
	case err != nil:
		return fail(e, fs.Name(), exitUsage, fmt.Errorf("%w%s; see eyrie %s --help", err, wanted(fs, err), fs.Name())), false
	case fs.NArg() > max:
		return fail(e, fs.Name(), exitUsage, fmt.Errorf("unexpected argument %q; see eyrie %s --help", fs.Arg(max), fs.Name())), false
	}
	if f := fs.Lookup("timeout"); f != nil {
		if d, ok := f.Value.(flag.Getter).Get().(time.Duration); ok && d <= 0 {
			return fail(e, fs.Name(), exitUsage, fmt.Errorf("--timeout %v leaves no time; give it 5s, say", d)), false
		}
	}
	return exitOK, true
}

// wanted says what a flag takes whose value could not be parsed, where the flag
// package's error does not.
func wanted(fs *flag.FlagSet, err error) (what string) {
	fs.VisitAll(func(f *flag.Flag) {
		if !strings.HasSuffix(err.Error(), "for flag -"+f.Name+": parse error") {
			return
		}
		switch f.Value.(flag.Getter).Get().(type) {
		case time.Duration:
			what = ", a number with its unit is needed, such as 5s"
		case int, uint, uint64:
			what = ", a whole number is needed"
		}
	})
	return what
}

// parseAndLoad parses flags, of which one names the file of a cluster, and
// reads that. ok is as parse has it.
func parseAndLoad(fs *flag.FlagSet, e env, args []string, file *string) (f *cluster.File, code int, ok bool) {
	if code, ok := parse(fs, e, args, 0); !ok {
		return nil, code, false
	}
	f, err := cluster.Load(*file)
	if err != nil {
		return nil, fail(e, fs.Name(), exitUsage, err), false
	}
	return f, exitOK, true
}

// quoted is an argument as a shell takes it.
func quoted(arg string) string {
	plain := func(c rune) bool {
		return c > unicode.MaxASCII || unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("_./:@%+=,-", c)
	}
	if arg != "" && strings.IndexFunc(arg, func(c rune) bool { return !plain(c) }) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

// printJSON writes one document, for programs and for people who look.
func printJSON(w io.Writer, doc any) {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.Encode(doc)
}

// fail prints an error of a command, or of eyrie itself if name is empty, and
// returns code.
func fail(e env, name string, code int, err error) int {
	name = strings.TrimSpace("eyrie " + name)
	if e.asJSON {
		json.NewEncoder(e.stderr).Encode(map[string]any{"command": name, "error": err.Error(), "exit": code})
	} else {
		fmt.Fprintf(e.stderr, "%s: %v\n", name, err)
	}
	return code
}
