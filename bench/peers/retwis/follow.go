package retwis

import (
	"context"
	"fmt"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/redis/rueidis"
)

// follow puts the newest posts of other into the timeline of user, by their
// numbers, as Chirper does. What is posted between reading the timeline and
// writing it is lost: Retwis promises no more.
func (x *client) follow(ctx context.Context, slot int, user, other uint32) error {
	b := x.redis.B()
	answers, err := x.stage(ctx, []rueidis.Completed{
		b.Sadd().Key(key("following", user)).Member(key("", other)[1:]).Build(),
		b.Sadd().Key(key("followers", other)).Member(key("", user)[1:]).Build(),
		x.newest("posts", other, bench.KeptPosts), x.newest("timeline", user, bench.TimelineBound),
	})
	if err != nil {
		return err
	}
	if n, err := answers[0].AsInt64(); err != nil || n == 0 {
		return err
	}
	theirs, err := answers[2].AsStrSlice()
	if err != nil || len(theirs) == 0 {
		return err
	}
	had, err := answers[3].AsStrSlice()
	if err != nil {
		return err
	}
	return x.replace(ctx, slot, user, merge(had, theirs))
}

// merge is the newest entries of both lists, newest first.
func merge(a, b []string) (out []string) {
	for len(out) < bench.TimelineBound && len(a)+len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && number(a[0]) > number(b[0]):
			out, a = append(out, a[0]), a[1:]
		case len(a) > 0 && number(a[0]) == number(b[0]):
			a = a[1:]
		default:
			out, b = append(out, b[0]), b[1:]
		}
	}
	return out
}

// unfollow takes the posts of other out of the timeline of user.
func (x *client) unfollow(ctx context.Context, slot int, user, other uint32) error {
	b, author := x.redis.B(), key("", other)[1:]
	answers, err := x.stage(ctx, []rueidis.Completed{
		b.Srem().Key(key("following", user)).Member(author).Build(),
		b.Srem().Key(key("followers", other)).Member(key("", user)[1:]).Build(),
		x.newest("timeline", user, bench.TimelineBound),
	})
	if err != nil {
		return err
	}
	had, err := answers[2].AsStrSlice()
	if err != nil {
		return err
	}
	var kept []string
	for _, e := range had {
		if !by(e, author) {
			kept = append(kept, e)
		}
	}
	if len(kept) == len(had) {
		return nil
	}
	return x.replace(ctx, slot, user, kept)
}

// replace makes entries the timeline, so that nobody sees a part of it.
func (x *client) replace(ctx context.Context, slot int, user uint32, entries []string) error {
	b, timeline := x.redis.B(), key("timeline", user)
	if len(entries) == 0 {
		return x.redis.Do(ctx, b.Del().Key(timeline).Build()).Error()
	}
	scratch := fmt.Sprint("scratch:", slot)
	_, err := x.stage(ctx, []rueidis.Completed{
		b.Rpush().Key(scratch).Element(entries...).Build(), b.Rename().Key(scratch).Newkey(timeline).Build(),
	})
	return err
}
