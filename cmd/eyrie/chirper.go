package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/chirper/graph"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// runChirper talks to Chirper on a running cluster, or serves its page.
func runChirper(ctx context.Context, e env, args []string) int {
	if len(args) > 0 && args[0] == "web" {
		return runChirperWeb(ctx, e, args[1:])
	}
	return chirperMain{dial: dialChirper}.run(ctx, e, args)
}

func dialChirper(ctx context.Context, file string, window int) (*chirper.Client, func(), error) {
	c, err := ssmr.Dial(ctx, file, apps.Service, ssmr.ClientConfig{Window: window})
	if err != nil {
		return nil, nil, err
	}
	return chirper.NewClient(c), func() { c.Close() }, nil
}

// chirperMain is `eyrie chirper`; tests give it a service on one machine.
type chirperMain struct {
	dial func(ctx context.Context, file string, window int) (c *chirper.Client, close func(), err error)
}

// chirperCommand is one of its commands.
type chirperCommand struct {
	name, synopsis, about string
	least, most           int // positional arguments
	// reads: the command changes nothing, so an answer that did not come
	// leaves nothing unknown.
	reads bool
	// long commands have no timeout of their own.
	long  bool
	flags func(*flag.FlagSet, *chirperOptions)
	run   func(ctx context.Context, v *chirperCall) error
}

// chirperOptions are what flags say.
type chirperOptions struct {
	cluster    string
	json       bool
	timeout    time.Duration
	optimistic bool
	ordered    bool
	limit      int

	users, degree, posts, window int
	seed                         uint64
	quiet                        bool
}

// chirperCall is one run of a command.
type chirperCall struct {
	env
	chirperOptions
	command *chirperCommand
	args    []string
	given   map[string]bool // flags
	graph   *graph.Graph    // to load
	c       *chirper.Client
}

func chirperCommands() []chirperCommand {
	return []chirperCommand{
		{name: "join", synopsis: "USER", least: 1, most: 1, run: chirperJoin, flags: optimisticFlag,
			about: "Makes a user: a number. It does no harm if there is one."},
		{name: "post", synopsis: "USER TEXT", least: 2, most: 2, run: chirperPost, flags: optimisticFlag,
			about: fmt.Sprintf(`Has a user post a text of at most %d characters, as a person counts them. TEXT
is the text itself, or - for what is on standard input.`, chirper.MaxText)},
		{name: "follow", synopsis: "USER OTHER", least: 2, most: 2, run: chirperFollow, flags: optimisticFlag,
			about: "Has a user follow another, whose newest posts come into the timeline."},
		{name: "unfollow", synopsis: "USER OTHER", least: 2, most: 2, run: chirperUnfollow, flags: optimisticFlag,
			about: "Has a user follow another no more, whose posts leave the timeline."},
		{name: "timeline", synopsis: "USER", least: 1, most: 1, reads: true, run: chirperTimeline,
			flags: func(fs *flag.FlagSet, o *chirperOptions) {
				limitFlag(fs, o)
				optimisticFlag(fs, o)
				fs.BoolVar(&o.ordered, "ordered", false, "read by a command that is ordered like any other")
			},
			about: "Shows a user's timeline, newest first: own posts, and those of whom the user\nfollows."},
		{name: "refill", synopsis: "USER", least: 1, most: 1, run: chirperRefill, flags: limitFlag,
			about: `Makes a user's timeline anew, of the newest posts of whom the user follows. An
unfollow leaves room, which otherwise only what comes next fills.`},
		{name: "posts", synopsis: "USER", least: 1, most: 1, reads: true, run: chirperPosts, flags: limitFlag,
			about: "Shows a user's own newest posts."},
		{name: "followers", synopsis: "USER", least: 1, most: 1, reads: true, run: chirperFollowers,
			about: "Lists those who follow a user."},
		{name: "following", synopsis: "USER", least: 1, most: 1, reads: true, run: chirperFollowing,
			about: "Lists those whom a user follows."},
		{name: "load", synopsis: "[EDGES]", most: 1, run: chirperLoad, long: true, flags: loadFlags,
			about: `Loads a social graph: the file EDGES, or - for standard input, has a line for
each pair of users who follow each other, as in the SNAP collection, and may be
compressed with gzip. Without it a heavy-tailed graph is generated. What is
there already is left as it is, so a load that broke off is completed by
repeating it.`},
	}
}

func optimisticFlag(fs *flag.FlagSet, o *chirperOptions) {
	fs.BoolVar(&o.optimistic, "optimistic", false, "show when the optimistic and the conservative reply came, and whether they agreed")
}

func limitFlag(fs *flag.FlagSet, o *chirperOptions) {
	fs.IntVar(&o.limit, "n", chirper.MaxTimeline, "show at most so many posts")
}

func loadFlags(fs *flag.FlagSet, o *chirperOptions) {
	fs.IntVar(&o.users, "users", 1000, "users of a generated graph")
	fs.IntVar(&o.degree, "degree", 20, "about how many followers each has, in a generated graph")
	fs.Uint64Var(&o.seed, "seed", 1, "of a generated graph, and of the posts")
	fs.IntVar(&o.posts, "posts", 0, "first posts of each user")
	fs.IntVar(&o.window, "window", 64, "outstanding commands")
	fs.BoolVar(&o.quiet, "q", false, "show no progress")
}

func chirperUsage(w io.Writer) {
	fmt.Fprintf(w, "Usage: eyrie chirper COMMAND [flags]\n\nTalks to Chirper, the social network of a running cluster.\n\n")
	for _, c := range chirperCommands() {
		about, _, _ := strings.Cut(c.about, ".")
		about, _, _ = strings.Cut(about, ":")
		fmt.Fprintf(w, "  %-9s %-11s %s\n", c.name, c.synopsis, strings.ReplaceAll(about, "\n", " "))
	}
	fmt.Fprintf(w, "  %-9s %-11s %s\n", "web", "", "Serves its page, its JSON API and the live view")
	fmt.Fprintf(w, "\neyrie chirper COMMAND --help says more. Exit codes: 0 done, 1 failed, 2 wrong usage,\n3 no such user, 4 refused, 5 unreachable, 6 outcome unknown.\n")
}

// run finds the command, connects, and runs it.
func (m chirperMain) run(ctx context.Context, e env, args []string) int {
	o := chirperOptions{cluster: cluster.DefaultName, timeout: 10 * time.Second}
	shared := flags(e, "chirper", "COMMAND [flags]", "")
	shared.Usage = func() { chirperUsage(shared.Output()) }
	o.sharedFlags(shared)
	if code, ok := parse(shared, e, args, len(args)); !ok {
		return code
	}
	args = shared.Args()
	if len(args) == 0 {
		chirperUsage(e.stderr)
		return exitUsage
	}
	for _, c := range chirperCommands() {
		if c.name == args[0] {
			return m.runCommand(ctx, e, &c, o, args[1:])
		}
	}
	if args[0] == "help" {
		chirperUsage(e.stdout)
		return exitOK
	}
	fmt.Fprintf(e.stderr, "eyrie chirper: there is no command %q\n\n", args[0])
	chirperUsage(e.stderr)
	return exitUsage
}

func (o *chirperOptions) sharedFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.cluster, "cluster", o.cluster, "the cluster's `file`")
	fs.BoolVar(&o.json, "json", o.json, "print JSON")
	fs.DurationVar(&o.timeout, "timeout", o.timeout, "how long to wait for an answer, and to connect")
}

func (m chirperMain) runCommand(ctx context.Context, e env, c *chirperCommand, o chirperOptions, args []string) int {
	name := "chirper " + c.name
	fs := flags(e, name, c.synopsis+" [flags]", c.about)
	o.sharedFlags(fs)
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
	v := &chirperCall{env: e, chirperOptions: o, command: c, args: args, given: map[string]bool{}}
	fs.Visit(func(f *flag.Flag) { v.given[f.Name] = true })
	if err := v.check(); err != nil {
		return v.fail(err)
	}
	connecting, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	client, done, err := m.dial(connecting, o.cluster, o.window)
	if err != nil {
		return v.fail(err)
	}
	defer done()
	v.c = client
	if !c.long {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	if err := c.run(ctx, v); err != nil {
		return v.fail(err)
	}
	return exitOK
}
