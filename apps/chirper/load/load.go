// Package load puts a social graph into Chirper: its users, who follows whom,
// and, if wanted, first posts. To repeat a load does no harm: what is there
// already stays, so that a load which broke off is completed by repeating it.
package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/chirper/graph"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// Options of a load. The zero value serves.
type Options struct {
	// Posts of each user, so that timelines are not empty: at most MaxKept. A
	// user who has some already gets fewer.
	Posts int
	// Seed of the texts.
	Seed uint64
	// Window is how many commands are under way at a time; the client's own
	// window bounds it too. 0 means 64.
	Window int
	// Progress, if not nil, is called with what has been done, a few times a
	// second and at each phase's end, never by two at a time.
	Progress func(Progress)
}

// Progress is how far a load has come.
type Progress struct {
	// Phase is "users", "follows" or "posts".
	Phase string
	// Done of Total are done: users, pairs who follow (two for each edge), posts.
	Done, Total int
	// Rate is how many were done in a second, in this phase so far.
	Rate float64
}

// Result is what a load did and found.
type Result struct {
	// Users, Follows and Posts are how many are new.
	Users, Follows, Posts int
	// Refused is how many follows were refused, since their users follow or are
	// followed by too many already.
	Refused int
}

// ErrOptions is wrapped by errors about options.
var ErrOptions = errors.New("load: bad options")

// Tries is how often a command is sent whose outcome is unknown, each after
// the horizon.
const Tries = 3

// Load loads a graph. On an error the load is incomplete; it may be repeated.
func Load(ctx context.Context, c *chirper.Client, g *graph.Graph, o Options) (Result, error) {
	if o.Posts < 0 || o.Posts > chirper.MaxKept {
		return Result{}, fmt.Errorf("%w: %d posts of each user, the limit is %d", ErrOptions, o.Posts, chirper.MaxKept)
	}
	if o.Window < 0 {
		return Result{}, fmt.Errorf("%w: a window of %d", ErrOptions, o.Window)
	}
	if o.Window == 0 {
		o.Window = 64
	}
	l := &loader{c: c, g: g, o: o}
	err := l.phase(ctx, "users", g.Len(), g.Len(), l.join)
	if err == nil {
		f := l.newFollows()
		err = l.phase(ctx, "follows", o.Window, 2*g.Size(), func(ctx context.Context, _ int) error {
			stop := context.AfterFunc(ctx, f.wake)
			defer stop()
			return l.follow(ctx, f)
		})
	}
	if err == nil && o.Posts > 0 {
		err = l.phase(ctx, "posts", g.Len(), g.Len()*o.Posts, l.post)
	}
	return Result{int(l.users.Load()), int(l.follows.Load()), int(l.posts.Load()), int(l.refused.Load())}, err
}

type loader struct {
	c *chirper.Client
	g *graph.Graph
	o Options

	done                           atomic.Int64 // of the phase
	users, follows, posts, refused atomic.Int64
}

// phase does n things, a window of them at a time, until one fails.
func (l *loader) phase(ctx context.Context, name string, n, total int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.done.Store(0)
	began := time.Now()
	stop := make(chan struct{})
	var shower, all sync.WaitGroup
	show := func() {
		done := l.done.Load()
		l.o.Progress(Progress{name, int(done), total, float64(done) / max(time.Since(began).Seconds(), 1e-6)})
	}
	if l.o.Progress != nil {
		shower.Go(func() {
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					show()
				case <-stop:
					show()
					return
				}
			}
		})
	}
	var next atomic.Int64
	for range min(l.o.Window, n) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	close(stop)
	shower.Wait()
	return context.Cause(ctx)
}

func (l *loader) join(ctx context.Context, i int) error {
	isNew, err := again(ctx, func() (bool, error) { return l.c.Join(ctx, l.g.User(i)) })
	if isNew {
		l.users.Add(1)
	}
	if err == nil {
		l.done.Add(1)
	}
	return err
}

// atOnce is how many follows one command has: what it reads, twenty posts of
// each, stays well within a command's budget unless texts are long.
const atOnce = 64

// hopeless says whether somebody has too many already.
func hopeless(err error) bool {
	return errors.Is(err, chirper.ErrTooManyFollowers) || errors.Is(err, chirper.ErrTooManyFollowing)
}

func (l *loader) followEach(ctx context.Context, u chirper.User, others []chirper.User) (more int, err error) {
	for _, other := range others {
		isNew, err := again(ctx, func() (bool, error) { return l.c.Follow(ctx, u, other) })
		switch {
		case hopeless(err):
			l.refused.Add(1)
		case err != nil:
			return more, err
		case isNew:
			more++
		}
	}
	return more, nil
}

// post completes a user's posts. It looks at what is there first, as also after
// an unknown outcome: a post that is repeated would be there twice.
func (l *loader) post(ctx context.Context, i int) error {
	u := l.g.User(i)
	var err error
	for range Tries {
		var have chirper.Timeline
		if have, err = again(ctx, func() (chirper.Timeline, error) { return l.c.Posts(ctx, u) }); err != nil {
			return err
		}
		n := have.Len()
		for ; n < l.o.Posts && err == nil; n++ {
			if _, err = l.c.Post(ctx, u, Text(l.o.Seed, u, n)); err == nil {
				l.posts.Add(1)
			}
		}
		if !errors.Is(err, ssmr.ErrOutcomeUnknown) || ctx.Err() != nil {
			break
		}
	}
	if err == nil {
		l.done.Add(int64(l.o.Posts))
	}
	return err
}

// again repeats what may be repeated while its outcome is unknown.
func again[T any](ctx context.Context, do func() (T, error)) (v T, err error) {
	for range Tries {
		v, err = do()
		if err == nil || !errors.Is(err, ssmr.ErrOutcomeUnknown) || ctx.Err() != nil {
			break
		}
	}
	return v, err
}

// Text is a text such as people post, of 20 to 140 characters: the n-th of a
// user. It is a function of its arguments.
func Text(seed uint64, u chirper.User, n int) string {
	random := rand.New(rand.NewPCG(seed, uint64(u)<<10+uint64(n)))
	want := 20 + random.IntN(100)
	b := make([]byte, 0, chirper.MaxText)
	for len(b) < want {
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(b, words[random.IntN(len(words))]...)
	}
	b[0] -= 'a' - 'A'
	return string(b)
}

var words = []string{
	"the", "a", "my", "your", "this", "no", "every", "some", "owl", "eagle", "nest", "river", "morning", "coffee",
	"train", "city", "window", "letter", "winter", "garden", "cat", "song", "door", "friend", "is", "was", "sings",
	"waits", "falls", "looks", "knows", "runs", "again", "never", "always", "here", "late", "early", "and", "or",
	"but", "over", "under", "with", "without", "quiet", "bright", "old", "new", "blue", "slow",
}
