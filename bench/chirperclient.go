package bench

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// chirperClient is a client of Chirper whose replies come by callback. As the
// public client does, it keeps lists of whom it believes to follow an author.
type chirperClient struct {
	stageClock            // of conservative replies
	early      stageClock // of optimistic ones
	hosted
	*Social
	c    Case
	file *cluster.File

	mu        sync.Mutex
	audiences [][]chirper.User // by author, ascending; never changed in place

	// stale counts posts that were sent again, their audience being wrong; replies
	// optimistic replies that came before the others, and mistakes those that
	// differed; open the commands without an outcome.
	stale, replies, mistakes atomic.Uint64
	open                     atomic.Int64
}

func newChirperClient(c Case, address json.RawMessage, cpu func() time.Duration) (*chirperClient, error) {
	people, err := LoadPeople(c)
	if err != nil {
		return nil, err
	}
	x := &chirperClient{hosted: hosted{cpu: cpu}, Social: NewSocial(c, people), c: c}
	for _, followers := range people.Followers {
		var audience []chirper.User
		for _, f := range followers {
			audience = append(audience, people.user(f))
		}
		x.audiences = append(x.audiences, audience)
	}
	return x, json.Unmarshal(address, &x.address)
}

// Start implements System.
func (x *chirperClient) Start(ctx context.Context) (err error) {
	if err = fillChirper(ctx, x.address, x.people, x.c.Size); err != nil {
		return err
	}
	if x.file, err = cluster.Load(x.address); err != nil {
		return err
	}
	cfg := host.FileClient(x.file, apps.Service.Definition(), apps.Service.Map(x.c.Partitions))
	// Its Span stays what it is: servers refuse, for good, what is further above
	// the low mark than their ClientWindow, which no flag of theirs changes.
	cfg.Core.Tuning.Window = inFlight * x.c.Outstanding
	x.client, err = host.Dial(ctx, cfg)
	return err
}

// inFlight bounds the commands of an operation: one whose first reply was enough
// may wait for its outcome, while its successor is under way.
const inFlight = 4

// Submit implements System.
func (x *chirperClient) Submit(op Op, done func(error)) { x.submit(op, nil, done) }

// Reentrant implements Reentrant.
func (x *chirperClient) Reentrant() bool { return true }

// submit carries out an operation. early, if not nil, is told of an optimistic
// reply.
func (x *chirperClient) submit(op Op, early func(), done func(error)) {
	user := x.people.user(op.Key)
	switch op.Action {
	case PostText:
		x.post(op, early, done)
	case FollowUser, UnfollowUser:
		command := chirper.FollowUser
		if op.Action == UnfollowUser {
			command = chirper.UnfollowUser
		}
		follow := call[chirper.Pair, chirper.Changed]{x: x, command: command, done: done}
		follow.check = func(chirper.Changed) error {
			x.follows(user, op.Other, op.Action == FollowUser)
			return nil
		}
		follow.send(chirper.Pair{User: user, Other: x.people.user(op.Other)}, early)
	default:
		read := call[chirper.User, chirper.Timeline]{x: x, command: chirper.GetTimelineOrdered, done: done, look: x.received}
		if !InOrder(x.c.Command) {
			read.command, early = chirper.GetTimeline, nil // which has one reply
		}
		read.send(user, early)
	}
}

// received looks at all of a timeline, as whoever shows it must.
func (x *chirperClient) received(t chirper.Timeline) error {
	posts, bytes := t.Posts(), 0
	for _, p := range posts {
		bytes += len(p.Text)
	}
	return x.Received(len(posts), bytes)
}

// post sends a post until it is sent with the right audience.
func (x *chirperClient) post(op Op, early func(), done func(error)) {
	p := call[chirper.PostArg, chirper.Posted]{x: x, command: chirper.PostText}
	arg := chirper.PostArg{Author: x.people.user(op.Key), Text: string(op.Value)}
	attempt := func() {
		x.mu.Lock()
		audience := x.audiences[op.Key]
		x.mu.Unlock()
		arg.Audience = chirper.UsersOf(audience...)
		p.send(arg, early)
	}
	again := false
	p.check = func(r chirper.Posted) error {
		if again = !r.Done; again {
			x.stale.Add(1)
			x.mu.Lock()
			x.audiences[op.Key] = slices.Collect(r.Audience.All())
			x.mu.Unlock()
		}
		return nil
	}
	p.right = func(r chirper.Posted) bool { return r.Done }
	p.done = func(err error) {
		if err == nil && again {
			attempt()
		} else {
			done(err)
		}
	}
	attempt()
}

// follows has other's audience be with user from now on, or without.
func (x *chirperClient) follows(user chirper.User, other uint32, does bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old := x.audiences[other]
	i, found := slices.BinarySearch(old, user)
	switch {
	case does && !found:
		x.audiences[other] = slices.Concat(old[:i], []chirper.User{user}, old[i:])
	case !does && found:
		x.audiences[other] = slices.Concat(old[:i], old[i+1:])
	}
}

// call is how a command is called, and its results are looked at.
type call[A, R any] struct {
	x       *chirperClient
	command *ssmr.Command[A, R]
	look    func(R) error // at a result, when it is shown; nil: nobody looks
	check   func(R) error // takes the result that counts; nil: nobody does
	right   func(R) bool  // of an optimistic result; nil: any
	done    func(error)
	// shown is the result that an optimistic reply told.
	shown *R
}

func (c *call[A, R]) send(arg A, early func()) {
	c.shown = nil
	number, raw, err := c.command.Encode(apps.Service, arg)
	c.x.open.Add(1)
	switch ctx := context.Background(); {
	case err != nil:
	case early == nil:
		err = c.x.client.SubmitFunc(ctx, number, raw, nil, c.ended)
	default:
		err = c.x.client.SubmitOptimisticFunc(ctx, number, raw, nil, func(e *host.Early) {
			if c.probably(e.Reply) {
				early()
			}
		}, c.ended)
	}
	if err != nil {
		c.x.open.Add(-1)
		c.done(err)
	}
}

// probably looks at an optimistic reply as a program does that shows it, and
// says whether it is to be shown.
func (c *call[A, R]) probably(m *optimistic.Reply) bool {
	if m.Outcome != partition.OutcomeOK {
		return true // an error is a reply too
	}
	result, err := c.command.Decode(m.Value)
	if err == nil && c.look != nil {
		err = c.look(result)
	}
	if err == nil {
		c.shown = &result
	}
	return err == nil && (c.right == nil || c.right(result))
}

// ended takes a command's outcome.
func (c *call[A, R]) ended(r host.Result) {
	err := outcome(r, r.Err)
	if err == nil {
		c.x.add(r)
		if r.Early != nil {
			c.x.early.addEarly(r)
			c.x.replies.Add(1)
			if !r.Agreed {
				c.x.mistakes.Add(1)
			}
		}
		// A program that has shown the result, and is told that it was right, has it,
		// and has looked at it.
		result := c.shown
		if result == nil || !r.Agreed {
			result = new(R)
			if *result, err = c.command.Decode(r.Reply.Value); err == nil && c.look != nil {
				err = c.look(*result)
			}
		}
		if err == nil && c.check != nil {
			err = c.check(*result)
		}
	}
	c.done(err)
	c.x.open.Add(-1)
}

// chirperWaiter is a client of Chirper as most programs are: goroutines that
// call the public client and wait for its replies.
type chirperWaiter struct {
	*chirperClient
	waiting
	app *chirper.Client
}

// Start implements System.
func (w *chirperWaiter) Start(ctx context.Context) (err error) {
	if err = fillChirper(ctx, w.address, w.people, w.c.Size); err != nil {
		return err
	}
	if err = w.begin(ctx, w.address, apps.Service, w.c.Outstanding); err != nil {
		return err
	}
	w.app = chirper.NewClient(w.conn)
	return nil
}

// Submit implements System.
func (w *chirperWaiter) Submit(op Op, done func(error)) { w.idle <- func() { done(w.Do(op)) } }

// Do implements Doer.
func (w *chirperWaiter) Do(op Op) (err error) {
	ctx, user := context.Background(), w.people.user(op.Key)
	switch op.Action {
	case PostText:
		_, err = w.app.Post(ctx, user, string(op.Value))
	case FollowUser:
		_, err = w.app.Follow(ctx, user, w.people.user(op.Other))
	case UnfollowUser:
		_, err = w.app.Unfollow(ctx, user, w.people.user(op.Other))
	default:
		read := w.app.OrderedTimeline
		if !InOrder(w.c.Command) {
			read = w.app.Timeline
		}
		var t chirper.Timeline
		if t, err = read(ctx, user); err == nil {
			err = w.received(t)
		}
	}
	return err
}
