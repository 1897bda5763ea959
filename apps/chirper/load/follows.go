package load

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// follows hands out who is to follow whom, so that what is under way at a time
// does not conflict: commands that change one user's followers wait for each
// other, on several partitions for a whole exchange each, and in a community
// nearly all of them would.
type follows struct {
	mu   sync.Mutex
	done sync.Cond
	// todo are users with the others that each is yet to follow, from first on.
	todo  []todo
	first int
	// busy are those whose followers are being changed.
	busy  map[chirper.User]bool
	under int // commands under way
}

type todo struct {
	user   chirper.User
	others []chirper.User
	busy   bool
}

// lookAhead bounds how many users are looked at for one command.
const lookAhead = 256

func (l *loader) newFollows() *follows {
	f := &follows{busy: make(map[chirper.User]bool)}
	f.done.L = &f.mu
	for i := range l.g.Len() {
		t := todo{user: l.g.User(i)}
		for o := range l.g.Followers(i) {
			t.others = append(t.others, o)
		}
		f.todo = append(f.todo, t)
	}
	return f
}

// wake has those look who wait for others to end.
func (f *follows) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done.Broadcast()
}

// take is the next command: a user and others that are not busy, at most atOnce;
// nil when all is under way or done.
//
// All who wait look at the same: if one that is woken finds nothing, nobody would,
// and one that finds something wakes the next. Were all woken whenever a command
// ends, a window of 256 would look 256 times.
func (f *follows) take(ctx context.Context) (t *todo, some []chirper.User) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ctx.Err() == nil {
		for f.first < len(f.todo) && len(f.todo[f.first].others) == 0 && !f.todo[f.first].busy {
			f.first++
		}
		if f.first == len(f.todo) {
			f.done.Broadcast()
			return nil, nil
		}
		for i := f.first; i < min(f.first+lookAhead, len(f.todo)); i++ {
			if t = &f.todo[i]; t.busy || len(t.others) == 0 {
				continue
			}
			if some = f.free(t); 2*len(some) >= min(atOnce, len(t.others)) || len(some) > 0 && f.under == 0 {
				f.claim(t, some)
				f.done.Signal()
				return t, some
			}
		}
		f.done.Wait()
	}
	return nil, nil
}

// free are the first of a user's others that are not busy.
func (f *follows) free(t *todo) (some []chirper.User) {
	for _, o := range t.others {
		if !f.busy[o] {
			if some = append(some, o); len(some) == atOnce {
				break
			}
		}
	}
	return some
}

func (f *follows) claim(t *todo, some []chirper.User) {
	t.busy = true
	f.under++
	for _, o := range some {
		f.busy[o] = true
	}
	rest := t.others[:0]
	for _, o := range t.others {
		if !f.busy[o] || !slices.Contains(some, o) {
			rest = append(rest, o)
		}
	}
	t.others = rest
}

func (f *follows) finished(t *todo, some []chirper.User) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.busy = false
	f.under--
	for _, o := range some {
		delete(f.busy, o)
	}
	f.done.Signal()
}

// follow does what one of the window's goroutines does of the phase.
func (l *loader) follow(ctx context.Context, f *follows) error {
	for {
		t, some := f.take(ctx)
		if t == nil {
			return nil
		}
		err := l.followAll(ctx, t.user, some)
		f.finished(t, some)
		if err != nil {
			return err
		}
	}
}

func (l *loader) followAll(ctx context.Context, u chirper.User, some []chirper.User) error {
	n, err := again(ctx, func() (int, error) { return l.c.FollowAll(ctx, u, chirper.UsersOf(some...)) })
	if hopeless(err) || errors.Is(err, ssmr.ErrBudget) {
		n, err = l.followEach(ctx, u, some)
	}
	l.follows.Add(int64(n))
	if err == nil {
		l.done.Add(int64(len(some)))
	}
	return err
}
