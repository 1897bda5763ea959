package retwis

import (
	"context"
	"strings"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/redis/rueidis"
)

// way is one in which Retwis uses Redis.
type way struct {
	name  string
	plain bool // a request waits for the answer to the one before
	// store stores a post by itself; nil: timelines hold all of it.
	store func(b rueidis.Builder, e, author, micros, text string) rueidis.Completed
	// fetch makes posts of a timeline's entries.
	fetch func(x *client, ctx context.Context, entries []string) ([]post, error)
}

var ways = []way{
	{name: "plain", plain: true, store: hash, fetch: hashes},
	{name: "pipelined", store: hash, fetch: hashes},
	{name: "mget", store: text, fetch: texts},
	{name: "text", fetch: func(_ *client, _ context.Context, entries []string) ([]post, error) {
		return parse(entries, 1)
	}},
}

// parse makes posts of author:micros:text, behind so many other fields.
func parse(all []string, behind int) (posts []post, err error) {
	for _, e := range all {
		f := strings.SplitN(e, ":", behind+3)
		if len(f) < behind+3 {
			return nil, errEntry(e)
		}
		posts = append(posts, post{f[behind], f[behind+1], f[behind+2]})
	}
	return posts, nil
}

func hash(b rueidis.Builder, e, author, micros, text string) rueidis.Completed {
	return b.Hset().Key("post:"+e).FieldValue().FieldValue("user_id", author).FieldValue("time", micros).FieldValue("body", text).Build()
}

func hashes(x *client, ctx context.Context, entries []string) (posts []post, err error) {
	commands := make([]rueidis.Completed, 0, len(entries))
	for _, e := range entries {
		commands = append(commands, x.redis.B().Hgetall().Key("post:"+e).Build())
	}
	answers, err := x.stage(ctx, commands)
	for _, a := range answers {
		m, err := a.AsStrMap()
		if err != nil {
			return nil, err
		}
		posts = append(posts, post{m["user_id"], m["time"], m["body"]})
	}
	return posts, err
}

func text(b rueidis.Builder, e, author, micros, text string) rueidis.Completed {
	return b.Set().Key("post:" + e).Value(author + ":" + micros + ":" + text).Build()
}

func texts(x *client, ctx context.Context, entries []string) ([]post, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = "post:" + e
	}
	all, err := x.redis.Do(ctx, x.redis.B().Mget().Key(keys...).Build()).AsStrSlice()
	if err != nil {
		return nil, err
	}
	return parse(all, 0)
}

func (x *client) timeline(ctx context.Context, user uint32) ([]post, error) {
	entries, err := x.redis.Do(ctx, x.newest("timeline", user, bench.TimelineBound)).AsStrSlice()
	if err != nil {
		return nil, err
	}
	return x.fetch(x, ctx, entries)
}

func (x *client) newest(of string, user uint32, most int64) rueidis.Completed {
	return x.redis.B().Lrange().Key(key(of, user)).Start(0).Stop(most - 1).Build()
}

// trimming is how many posts go by between those whose timelines are trimmed.
const trimming = 16

func (x *client) post(ctx context.Context, user uint32, text string) error {
	b := x.redis.B()
	answers, err := x.stage(ctx, []rueidis.Completed{b.Incr().Key("posts").Build(), b.Smembers().Key(key("followers", user)).Build()})
	if err != nil {
		return err
	}
	n, err := answers[0].AsInt64()
	if err != nil {
		return err
	}
	followers, err := answers[1].AsStrSlice()
	if err != nil {
		return err
	}
	e, author, micros := entry(n, user), key("", user)[1:], now()
	var commands []rueidis.Completed
	if x.store != nil {
		commands = append(commands, x.store(b, e, author, micros, text))
	} else {
		e += ":" + micros + ":" + text
	}
	own := key("posts", user)
	commands = append(commands, b.Lpush().Key(own).Element(e).Build(), b.Ltrim().Key(own).Start(0).Stop(bench.KeptPosts-1).Build())
	for _, f := range append(followers, author) {
		timeline := "timeline:" + f
		commands = append(commands, b.Lpush().Key(timeline).Element(e).Build())
		if n%trimming == 0 {
			commands = append(commands, b.Ltrim().Key(timeline).Start(0).Stop(bench.TimelineBound-1).Build())
		}
	}
	_, err = x.stage(ctx, commands)
	return err
}
