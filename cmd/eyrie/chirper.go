package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/chirper/graph"
	"github.com/eyrie-dev/eyrie/apps/chirper/load"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// runChirper talks to Chirper on a running cluster, or serves its page.
func runChirper(ctx context.Context, e env, args []string) int {
	if len(args) > 0 && args[0] == "web" {
		return runChirperWeb(ctx, e, args[1:])
	}
	return newChirper().run(ctx, e, dialService, args)
}

// chirperCall is one run of a command.
type chirperCall struct {
	application
	c     *chirper.Client
	graph *graph.Graph // to load

	// Flags:
	optimistic, ordered  bool
	limit                int
	users, degree, posts int
	seed                 uint64
	quiet                bool
}

func newChirper() *chirperCall {
	v := &chirperCall{}
	v.application = application{
		name: "chirper", about: "Talks to Chirper, the social network of a running cluster.",
		absent: "no such user", cuts: ".:", commands: v.actions(),
		elsewhere: []action{{name: "web", about: "Serves its page, its JSON API and the live view"}},
		check:     v.check, use: func(c *ssmr.Client) { v.c = chirper.NewClient(c) }, advise: v.hint,
		faults: faults{
			notFound: []error{chirper.ErrNoUser},
			refused: []error{chirper.ErrBadUser, chirper.ErrSelf, chirper.ErrBadText, chirper.ErrTooManyFollowing,
				chirper.ErrTooManyFollowers, chirper.ErrTooWide, graph.ErrFormat, graph.ErrDamaged, graph.ErrTooLarge},
		},
	}
	return v
}

func (v *chirperCall) actions() []action {
	return []action{
		{name: "join", synopsis: "USER", least: 1, most: 1, run: v.join, flags: v.optimisticFlag,
			about: "Makes a user: a number. It does no harm if there is one."},
		{name: "post", synopsis: "USER TEXT", least: 2, most: 2, run: v.post, flags: v.optimisticFlag,
			about: fmt.Sprintf(`Has a user post a text of at most %d characters, as a person counts them. TEXT
is the text itself, or - for what is on standard input.`, chirper.MaxText)},
		{name: "follow", synopsis: "USER OTHER", least: 2, most: 2, run: v.follow, flags: v.optimisticFlag,
			about: "Has a user follow another, whose newest posts come into the timeline."},
		{name: "unfollow", synopsis: "USER OTHER", least: 2, most: 2, run: v.unfollow, flags: v.optimisticFlag,
			about: "Has a user follow another no more, whose posts leave the timeline."},
		{name: "timeline", synopsis: "USER", least: 1, most: 1, reads: true, run: v.timeline,
			flags: func(fs *flag.FlagSet) {
				v.limitFlag(fs)
				v.optimisticFlag(fs)
				fs.BoolVar(&v.ordered, "ordered", false, "read by a command that is ordered like any other")
			},
			about: "Shows a user's timeline, newest first: own posts, and those of whom the user\nfollows."},
		{name: "refill", synopsis: "USER", least: 1, most: 1, run: v.refill, flags: v.limitFlag,
			about: `Makes a user's timeline anew, of the newest posts of whom the user follows. An
unfollow leaves room, which otherwise only what comes next fills.`},
		{name: "posts", synopsis: "USER", least: 1, most: 1, reads: true, run: v.ownPosts, flags: v.limitFlag,
			about: "Shows a user's own newest posts."},
		{name: "followers", synopsis: "USER", least: 1, most: 1, reads: true, run: v.followers,
			about: "Lists those who follow a user."},
		{name: "following", synopsis: "USER", least: 1, most: 1, reads: true, run: v.following,
			about: "Lists those whom a user follows."},
		{name: "load", synopsis: "[EDGES]", most: 1, run: v.load, tries: load.Tries, flags: v.loadFlags,
			about: `Loads a social graph: the file EDGES, or - for standard input, has a line for
each pair of users who follow each other, as in the SNAP collection, and may be
compressed with gzip. Without it a heavy-tailed graph is generated. What is
there already is left as it is, so a load that broke off is completed by
repeating it.`},
	}
}

func (v *chirperCall) optimisticFlag(fs *flag.FlagSet) {
	fs.BoolVar(&v.optimistic, "optimistic", false, "show when the optimistic and the conservative reply came, and whether they agreed")
}

func (v *chirperCall) limitFlag(fs *flag.FlagSet) {
	fs.IntVar(&v.limit, "n", chirper.MaxTimeline, "show at most so many posts")
}

func (v *chirperCall) loadFlags(fs *flag.FlagSet) {
	fs.IntVar(&v.users, "users", 1000, "users of a generated graph")
	fs.IntVar(&v.degree, "degree", 20, "about how many followers each has, in a generated graph")
	fs.Uint64Var(&v.seed, "seed", 1, "of a generated graph, and of the posts")
	fs.IntVar(&v.posts, "posts", 0, "first posts of each user")
	fs.IntVar(&v.window, "window", 64, "outstanding commands")
	fs.BoolVar(&v.quiet, "q", false, "show no progress")
}
