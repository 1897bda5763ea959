package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
)

// patience is how long nothing may come before a command says so and goes on waiting.
const patience = 3 * time.Second

// note tells whoever waits for a command something; it is no error.
func note(e env, name, text string) {
	name = "eyrie " + name
	if e.asJSON {
		json.NewEncoder(e.stderr).Encode(map[string]any{"command": name, "note": text})
		return
	}
	if isTerminal(e.stderr) {
		fmt.Fprint(e.stderr, "\r\x1b[K") // a line of progress
	}
	fmt.Fprintf(e.stderr, "%s: %s\n", name, text)
}

// nobodyYet says that no process of the cluster of a file has answered so far and where
// they were looked for, unless the function that it returns is called before. After that
// call it says nothing any more. If the file cannot be read whoever dials says so.
func nobodyYet(e env, name, file string, bound time.Duration) (answered func()) {
	var mu sync.Mutex
	ended := false
	timer := time.AfterFunc(patience, func() {
		f, err := cluster.Load(file)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			note(e, name, fmt.Sprintf("nothing answers yet at %s; tries for %v in all (--timeout)", places(f), bound))
		}
	})
	return func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		ended = true
	}
}

// places are the addresses of a cluster, in the order of its processes, or the first of many.
func places(f *cluster.File) string {
	const most = 8
	addrs := f.Addrs()
	var list []string
	for _, p := range slices.Sorted(maps.Keys(addrs)) {
		if len(list) == most {
			return fmt.Sprintf("%s and %d others", strings.Join(list, ", "), len(addrs)-most)
		}
		list = append(list, addrs[p])
	}
	return strings.Join(list, ", ")
}

// notes is where an application's notes go, and under which name.
func (a *application) notes() (e env, name string) {
	e = a.env
	e.asJSON = a.json
	return e, a.name + " " + a.command.name
}

func (a *application) nobodyYet() (answered func()) {
	e, name := a.notes()
	return nobodyYet(e, name, a.cluster, a.timeout)
}

// steps is how a long command gets on.
type steps struct {
	mu   sync.Mutex
	last string
	at   time.Time
}

// came notes how far the command is: it gets on if that is not what it was.
func (s *steps) came(far ...any) {
	now := fmt.Sprint(far...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if now != s.last || s.at.IsZero() {
		s.last, s.at = now, time.Now()
	}
}

func (s *steps) since() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// watch says why a long command does not get on, once for each time that it stops, until
// the function that it returns has returned.
func (a *application) watch(ctx context.Context) (stop func()) {
	f, err := cluster.Load(a.cluster)
	if err != nil {
		return func() {}
	}
	e, name := a.notes()
	ctx, cancel := context.WithCancel(ctx)
	a.steps.came()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(patience / 6)
		defer tick.Stop()
		var told time.Time
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if at := a.steps.since(); at != told && time.Since(at) > patience {
				told = at
				if why := stands(ctx, f); why != "" && ctx.Err() == nil {
					bound := time.Duration(a.command.tries) * f.Ridge().Horizon
					note(e, name, fmt.Sprintf("no progress: %s; what is not answered is tried for %v in all", why, bound))
				}
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// stands says what of a cluster waits because too few processes answer, or "".
func stands(ctx context.Context, f *cluster.File) string {
	c, err := dialOperator(ctx, f, patience)
	if err != nil {
		return "nothing answers at " + places(f)
	}
	defer c.Close()
	return strings.Join(lacking(f, askAll(ctx, c, f, patience)), "; ")
}
