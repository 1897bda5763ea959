package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/chirper/graph"
	"github.com/eyrie-dev/eyrie/apps/chirper/load"
)

// checkLoad checks the flags, and reads or makes the graph: what is wrong with it
// shows before anything is dialed.
func (v *chirperCall) checkLoad() error {
	switch {
	case len(v.args) > 0 && (v.given["users"] || v.given["degree"]):
		return usageError("--users and --degree are for a generated graph, without a file")
	case v.users < 1 || v.users > graph.MaxUsers:
		return usageError(fmt.Sprintf("--users must be from 1 to %d", graph.MaxUsers))
	case v.degree < 0 || v.degree > graph.MaxEdges || v.users*v.degree/2 > graph.MaxEdges:
		return usageError(fmt.Sprintf("--degree must be at least 0, and users times degree at most %d", 2*graph.MaxEdges))
	case v.posts < 0 || v.posts > chirper.MaxKept:
		return usageError(fmt.Sprintf("--posts must be from 0 to %d", chirper.MaxKept))
	case v.window < 1:
		return usageError("--window must be at least 1")
	}
	var err error
	v.graph, err = v.readGraph()
	return err
}

// loadJSON sums a load up, as --json shows it.
type loadJSON struct {
	Users   int     `json:"users"`
	Edges   int     `json:"edges"`
	Joined  int     `json:"joined"`
	Follows int     `json:"follows"`
	Posts   int     `json:"posts"`
	Refused int     `json:"refused"`
	Seconds float64 `json:"seconds"`
}

func (v *chirperCall) load(ctx context.Context) error {
	g := v.graph
	if loops, doubles := g.Skipped(); !v.quiet && !v.json && loops+doubles > 0 {
		fmt.Fprintf(v.stderr, "left out %d edges that were there already and %d from users to themselves\n", doubles, loops)
	}
	began := time.Now()
	show, end := v.loadProgress()
	r, err := load.Load(ctx, v.c, g, load.Options{Posts: v.posts, Seed: v.seed, Window: v.window, Progress: v.noted(show)})
	end()
	if err != nil {
		return err
	}
	took := time.Since(began)
	if v.json {
		return v.print(loadJSON{g.Len(), g.Size(), r.Users, r.Follows, r.Posts, r.Refused, took.Seconds()})
	}
	fmt.Fprintf(v.stdout, "%d users, %d edges; new: %d users, %d follows, %d posts; %.1f s\n",
		g.Len(), g.Size(), r.Users, r.Follows, r.Posts, took.Seconds())
	if r.Refused > 0 {
		fmt.Fprintf(v.stdout, "%d follows were refused: a user follows at most %d others, and is followed by at most %d\n",
			r.Refused, chirper.MaxFollowing, chirper.MaxFollowers)
	}
	return nil
}

// noted notes the steps of a load, and shows them if somebody wants to see them.
func (v *chirperCall) noted(show func(load.Progress)) func(load.Progress) {
	return func(p load.Progress) {
		v.steps.came(p.Phase, p.Done)
		if show != nil {
			show(p)
		}
	}
}

func (v *chirperCall) readGraph() (*graph.Graph, error) {
	if len(v.args) == 0 {
		return graph.Generate(v.users, v.degree, v.seed), nil
	}
	var in io.Reader = v.stdin
	if v.args[0] != "-" {
		f, err := os.Open(v.args[0])
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	g, err := graph.Read(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.args[0], err)
	}
	return g, nil
}

// loadProgress makes a function that shows progress: on a terminal on a line
// that changes, otherwise a line for each phase; and one that ends the line.
func (v *chirperCall) loadProgress() (show func(load.Progress), end func()) {
	if v.quiet || v.json {
		return nil, func() {}
	}
	text := func(p load.Progress) string {
		return fmt.Sprintf("%-7s %d of %d, %.0f/s", p.Phase, p.Done, p.Total, p.Rate)
	}
	if !isTerminal(v.stderr) {
		return func(p load.Progress) {
			if p.Done == p.Total {
				fmt.Fprintln(v.stderr, text(p))
			}
		}, func() {}
	}
	last := ""
	show = func(p load.Progress) {
		if p.Phase != last && last != "" {
			fmt.Fprintln(v.stderr)
		}
		last = p.Phase
		fmt.Fprintf(v.stderr, "\r\x1b[K%s", text(p))
	}
	return show, func() {
		if last != "" {
			fmt.Fprintln(v.stderr)
		}
	}
}
