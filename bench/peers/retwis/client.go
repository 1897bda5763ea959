package retwis

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/redis/rueidis"
)

// client is a bench.System whose server is elsewhere.
type client struct {
	*bench.Social
	way
	c      bench.Case
	people *bench.People
	addr   string
	cpu    func() time.Duration
	redis  rueidis.Client
	work   chan func()
}

func (w way) client(c bench.Case, raw json.RawMessage, cpu func() time.Duration) (bench.System, error) {
	people, err := bench.LoadPeople(c)
	if err != nil {
		return nil, err
	}
	x := &client{Social: bench.NewSocial(c, people), way: w, c: c, people: people, cpu: cpu}
	return x, json.Unmarshal(raw, &x.addr)
}

// Start implements bench.System: it fills a server that is empty.
func (x *client) Start(ctx context.Context) (err error) {
	x.redis, err = rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{x.addr}, DisableCache: true,
		DisableAutoPipelining: x.plain, BlockingPoolSize: x.c.Outstanding,
	})
	if err != nil {
		return err
	}
	x.work = bench.Goroutines(x.c.Outstanding)
	return x.fill(ctx)
}

// stage sends commands that do not depend on each other's answers. An answer of
// nothing is none.
func (x *client) stage(ctx context.Context, commands []rueidis.Completed) ([]rueidis.RedisResult, error) {
	var answers []rueidis.RedisResult
	if x.plain {
		for _, c := range commands {
			answers = append(answers, x.redis.Do(ctx, c))
		}
	} else {
		answers = x.redis.DoMulti(ctx, commands...)
	}
	for _, a := range answers {
		if err := a.Error(); err != nil && !rueidis.IsRedisNil(err) {
			return nil, err
		}
	}
	return answers, nil
}

// Reentrant implements bench.Reentrant.
func (x *client) Reentrant() bool { return true }

// Submit implements bench.System: one of as many goroutines as operations are
// outstanding calls the client, and waits.
func (x *client) Submit(op bench.Op, done func(error)) { x.work <- func() { done(x.Do(op)) } }

// Do implements bench.Doer.
func (x *client) Do(op bench.Op) error {
	ctx := context.Background()
	switch op.Action {
	case bench.PostText:
		return x.post(ctx, op.Key, string(op.Value))
	case bench.FollowUser:
		return x.follow(ctx, op.Slot, op.Key, op.Other)
	case bench.UnfollowUser:
		return x.unfollow(ctx, op.Slot, op.Key, op.Other)
	}
	posts, err := x.timeline(ctx, op.Key)
	if err != nil {
		return err
	}
	bytes := 0
	for _, p := range posts {
		bytes += len(p.text)
	}
	return x.Received(len(posts), bytes)
}

// Flush implements bench.System: the library gathers by itself.
func (x *client) Flush() {}

// CPU implements bench.System.
func (x *client) CPU() time.Duration { return x.cpu() }

// Close implements bench.System.
func (x *client) Close() error {
	if x.work != nil {
		close(x.work)
	}
	if x.redis != nil {
		x.redis.Close()
	}
	return nil
}

// post is what a reader of a timeline gets.
type post struct {
	author, micros, text string
}

// entry is what a timeline holds for a post: NUMBER:AUTHOR, and in the way text
// behind it :MICROS:TEXT. A post by itself has the key post:NUMBER:AUTHOR.
func entry(number int64, author uint32) string {
	return strconv.FormatInt(number, 10) + ":" + strconv.FormatUint(uint64(author), 10)
}

// number is that of an entry's post, by which posts are newer or older.
func number(entry string) int64 {
	digits, _, _ := strings.Cut(entry, ":")
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n
}

// by says whether an entry's post is by an author.
func by(entry, author string) bool {
	_, rest, _ := strings.Cut(entry, ":")
	a, _, _ := strings.Cut(rest, ":")
	return a == author
}

func key(of string, user uint32) string { return of + ":" + strconv.FormatUint(uint64(user), 10) }

func now() string { return strconv.FormatInt(time.Now().UnixMicro(), 10) }

// errEntry is the error of what no client has written.
func errEntry(e string) error { return fmt.Errorf("retwis: %q is no post", e) }
