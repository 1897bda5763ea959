package retwis

import (
	"context"
	"slices"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/redis/rueidis"
)

// chunk is how many commands are sent together while a server is filled.
const chunk = 1000

// fill makes the users, who follows whom, and the first posts, unless a client
// before has.
func (x *client) fill(ctx context.Context) error {
	const mark = "filled"
	if n, err := x.redis.Do(ctx, x.redis.B().Exists().Key(mark).Build()).AsInt64(); err != nil || n > 0 {
		return err
	}
	var commands []rueidis.Completed
	var err error
	do := func(c rueidis.Completed) {
		if commands = append(commands, c); len(commands) == chunk && err == nil {
			err, commands = x.flush(ctx, commands), nil
		}
	}
	for u := range x.people.Followers {
		for of, users := range map[string][]uint32{"followers": x.people.Followers[u], "following": x.people.Followed[u]} {
			if len(users) > 0 {
				do(x.redis.B().Sadd().Key(key(of, uint32(u))).Member(names(users)...).Build())
			}
		}
	}
	last, lists := x.firstPosts(do)
	for of, all := range lists {
		for u, entries := range all {
			if len(entries) > 0 {
				do(x.redis.B().Rpush().Key(key(of, uint32(u))).Element(entries...).Build())
			}
		}
	}
	do(x.redis.B().Incrby().Key("posts").Increment(last).Build())
	do(x.redis.B().Set().Key(mark).Value("1").Build())
	if err == nil {
		err = x.flush(ctx, commands)
	}
	return err
}

func (x *client) flush(ctx context.Context, commands []rueidis.Completed) error {
	for _, a := range x.redis.DoMulti(ctx, commands...) {
		if err := a.Error(); err != nil {
			return err
		}
	}
	return nil
}

func names(users []uint32) (all []string) {
	for _, u := range users {
		all = append(all, key("", u)[1:])
	}
	return all
}

// firstPosts stores the first posts, and returns the number of the last one and
// the lists that hold them, newest first.
func (x *client) firstPosts(do func(rueidis.Completed)) (last int64, lists map[string][][]string) {
	n := len(x.people.Followers)
	own, timelines := make([][]string, n), make([][]string, n)
	body, micros := string(bench.Text(x.c.Size)), now()
	x.people.First(func(author uint32) {
		last++
		e := entry(last, author)
		if x.store != nil {
			do(x.store(x.redis.B(), e, key("", author)[1:], micros, body))
		} else {
			e += ":" + micros + ":" + body
		}
		own[author] = append(own[author], e)
		for _, f := range append([]uint32{author}, x.people.Followers[author]...) {
			timelines[f] = append(timelines[f], e)
		}
	})
	newest := func(lists [][]string, most int) {
		for u, l := range lists {
			lists[u] = l[max(0, len(l)-most):]
			slices.Reverse(lists[u])
		}
	}
	newest(own, bench.KeptPosts)
	newest(timelines, bench.TimelineBound)
	return last, map[string][][]string{"posts": own, "timeline": timelines}
}
