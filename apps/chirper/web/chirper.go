package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// Chirper is the Backend that a client of the service makes.
func Chirper(c *chirper.Client) Backend { return service{c} }

type service struct{ c *chirper.Client }

// changed is the value of what joins, follows and unfollows: false if it was so
// already.
type changed struct {
	Changed bool `json:"changed"`
}

func changing(c chirper.Changed) any { return changed{bool(c)} }

func (s service) Join(ctx context.Context, user uint64) Call {
	return call[chirper.Changed]{s.c.GoJoin(ctx, chirper.User(user), ssmr.Optimistic()), changing}
}

func (s service) Post(ctx context.Context, user uint64, text string) Call {
	return call[chirper.Post]{s.c.GoPost(ctx, chirper.User(user), text, ssmr.Optimistic()), func(p chirper.Post) any { return p }}
}

func (s service) Follow(ctx context.Context, user, other uint64) Call {
	return call[chirper.Changed]{s.c.GoFollow(ctx, chirper.User(user), chirper.User(other), ssmr.Optimistic()), changing}
}

func (s service) Unfollow(ctx context.Context, user, other uint64) Call {
	return call[chirper.Changed]{s.c.GoUnfollow(ctx, chirper.User(user), chirper.User(other), ssmr.Optimistic()), changing}
}

func (s service) Timeline(ctx context.Context, user uint64, ordered bool) Call {
	read := s.c.GoTimeline
	if ordered {
		read = s.c.GoOrderedTimeline
	}
	return call[chirper.Timeline]{read(ctx, chirper.User(user), ssmr.Optimistic()), func(t chirper.Timeline) any {
		return map[string]any{"posts": t}
	}}
}

// shown is how many of those whom a user follows a Profile lists.
const shown = 100

func (s service) Profile(ctx context.Context, user uint64) (Profile, bool, error) {
	follows, err := s.c.Following(ctx, chirper.User(user))
	if errors.Is(err, chirper.ErrNoUser) {
		return Profile{}, false, nil
	}
	if err != nil {
		return Profile{}, false, err
	}
	followers, err := s.c.Followers(ctx, chirper.User(user))
	if err != nil {
		return Profile{}, false, err
	}
	p := Profile{User: user, Followers: followers.Len(), Following: follows.Len()}
	for u := range follows.All() {
		if len(p.Follows) == shown {
			break
		}
		p.Follows = append(p.Follows, uint64(u))
	}
	return p, true, nil
}

var noUser = Problem{http.StatusNotFound, "no-user", "there is no such user yet; users are there once they have joined"}

// explanations are in the order in which they are tried: an outcome that is
// unknown is more important than why.
var explanations = []struct {
	err error
	Problem
}{
	{ssmr.ErrOutcomeUnknown, Problem{http.StatusGatewayTimeout, "outcome-unknown", "no answer came in time; it may have been done, may yet be, or never: look before you repeat it"}},
	{chirper.ErrNoUser, noUser},
	{chirper.ErrBadUser, Problem{http.StatusBadRequest, "bad-user", ""}},
	{chirper.ErrSelf, Problem{http.StatusUnprocessableEntity, "self", "users see their own posts without following themselves"}},
	{chirper.ErrBadText, Problem{http.StatusUnprocessableEntity, "bad-text", ""}},
	{chirper.ErrTooWide, Problem{http.StatusUnprocessableEntity, "too-wide", "the text is too long for so many followers; a shorter one may pass"}},
	{chirper.ErrTooManyFollowing, Problem{http.StatusConflict, "too-many-followed", "the user follows as many as is possible"}},
	{chirper.ErrTooManyFollowers, Problem{http.StatusConflict, "too-many-followers", "as many as is possible follow that user already"}},
	{ssmr.ErrNoRoom, Problem{http.StatusInsufficientStorage, "no-room", "the disk of a process is almost full; nothing was done"}},
	{ssmr.ErrOverloaded, Problem{http.StatusServiceUnavailable, "busy", "too much is under way; nothing was done, try again"}},
	{ssmr.ErrRestarted, Problem{http.StatusServiceUnavailable, "restarted", "the cluster was started anew and has forgotten its state; start this server again, too"}},
	{ssmr.ErrClosed, Problem{http.StatusServiceUnavailable, "closed", "this server is ending; nothing was done"}},
	{context.DeadlineExceeded, Problem{http.StatusServiceUnavailable, "busy", "there was no room for it in time; nothing was done, try again"}},
	{context.Canceled, Problem{http.StatusServiceUnavailable, "closed", "the request was given up; nothing was done"}},
}

func (s service) Explain(err error) Problem {
	for _, e := range explanations {
		if errors.Is(err, e.err) {
			if e.Message == "" {
				e.Message = err.Error()
			}
			return e.Problem
		}
	}
	return Problem{http.StatusInternalServerError, "internal", err.Error()}
}

// replies are what the client's calls have in common.
type replies[R any] interface {
	Optimistic(ctx context.Context) (ssmr.OptimisticReply[R], error)
	Result(ctx context.Context) (R, error)
	Replies() ssmr.Replies
}

type call[R any] struct {
	replies[R]
	value func(R) any
}

func (c call[R]) reply(r R, err error) Reply {
	if err != nil {
		return Reply{Err: err}
	}
	return Reply{Value: c.value(r)}
}

func (c call[R]) First(ctx context.Context) (Reply, bool) {
	r, err := c.Optimistic(ctx)
	if err != nil {
		return Reply{Err: err}, false
	}
	return c.reply(r.Value, r.Err), r.Final
}

func (c call[R]) Last(ctx context.Context) Reply { return c.reply(c.Result(ctx)) }

func (c call[R]) Times() Times {
	r := c.Replies()
	return Times{Optimistic: r.Optimistic, Conservative: r.Conservative, Early: r.Early, Agreed: r.Agreed}
}
