package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// check finds what is wrong before anything is dialed.
func (v *chirperCall) check() error {
	if v.optimistic && v.command.name == "timeline" && !v.ordered {
		return usageError("--optimistic needs --ordered: a read that is not ordered has one reply")
	}
	if v.command.name == "load" {
		return v.checkLoad()
	}
	if v.limit < 0 {
		return usageError(fmt.Sprintf("-n %d: a number of posts is not negative", v.limit))
	}
	_, err := v.user(0)
	if err == nil && strings.HasSuffix(v.command.name, "follow") {
		_, err = v.user(1)
	}
	return err
}

// user is an argument that is a user's number.
func (v *chirperCall) user(i int) (chirper.User, error) {
	u, err := chirper.ParseUser(v.args[i])
	if err != nil {
		return 0, usageError(err.Error())
	}
	return u, nil
}

func (v *chirperCall) callOptions() (options []ssmr.CallOption) {
	if v.optimistic {
		options = append(options, ssmr.Optimistic())
	}
	return options
}

// repliesJSON are both replies' times as --json shows them.
type repliesJSON struct {
	Optimistic   *float64 `json:"optimistic_ms,omitempty"`
	Conservative float64  `json:"conservative_ms"`
	Agreed       *bool    `json:"agreed,omitempty"`
}

// changeJSON is the reply to join, follow and unfollow as --json shows it.
type changeJSON struct {
	User    chirper.User  `json:"user"`
	Other   *chirper.User `json:"other,omitempty"`
	Changed bool          `json:"changed"`
	Replies *repliesJSON  `json:"replies,omitempty"`
}

// replies are the times of a call that is done, or nil if nobody asked.
func replies[R any](v *chirperCall, call *chirper.Call[R]) *repliesJSON {
	if !v.optimistic {
		return nil
	}
	r := call.Replies()
	j := &repliesJSON{Conservative: millis(r.Conservative)}
	if r.Early {
		early := millis(r.Optimistic)
		j.Optimistic, j.Agreed = &early, &r.Agreed
	}
	return j
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// tell says when the replies came.
func (v *chirperCall) tell(r *repliesJSON) {
	switch {
	case r == nil:
	case r.Optimistic == nil:
		fmt.Fprintf(v.stderr, "conservative reply after %.2f ms; no optimistic one came before it\n", r.Conservative)
	case *r.Agreed:
		fmt.Fprintf(v.stderr, "optimistic reply after %.2f ms, conservative after %.2f ms: they agree\n", *r.Optimistic, r.Conservative)
	default:
		fmt.Fprintf(v.stderr, "optimistic reply after %.2f ms was wrong; conservative after %.2f ms\n", *r.Optimistic, r.Conservative)
	}
}

// change waits for a command that changes something, and says so if nothing
// had to be.
func (v *chirperCall) change(ctx context.Context, call *chirper.Call[chirper.Changed], doc changeJSON, already string) error {
	changed, err := call.Result(ctx)
	if err != nil {
		return err
	}
	doc.Changed, doc.Replies = bool(changed), replies(v, call)
	if v.json {
		return v.print(doc)
	}
	if !changed {
		fmt.Fprintln(v.stdout, already)
	}
	v.tell(doc.Replies)
	return nil
}

func (v *chirperCall) join(ctx context.Context) error {
	u, err := v.user(0)
	if err != nil {
		return err
	}
	return v.change(ctx, v.c.GoJoin(ctx, u, v.callOptions()...), changeJSON{User: u}, fmt.Sprintf("%d had joined already", u))
}

func (v *chirperCall) follow(ctx context.Context) error {
	return v.pair(func(u, other chirper.User) error {
		return v.change(ctx, v.c.GoFollow(ctx, u, other, v.callOptions()...), changeJSON{User: u, Other: &other},
			fmt.Sprintf("%d followed %d already", u, other))
	})
}

func (v *chirperCall) unfollow(ctx context.Context) error {
	return v.pair(func(u, other chirper.User) error {
		return v.change(ctx, v.c.GoUnfollow(ctx, u, other, v.callOptions()...), changeJSON{User: u, Other: &other},
			fmt.Sprintf("%d did not follow %d", u, other))
	})
}

func (v *chirperCall) pair(do func(u, other chirper.User) error) error {
	u, err := v.user(0)
	if err != nil {
		return err
	}
	other, err := v.user(1)
	if err != nil {
		return err
	}
	return do(u, other)
}

func (v *chirperCall) post(ctx context.Context) error {
	u, err := v.user(0)
	if err != nil {
		return err
	}
	text := v.args[1]
	if text == "-" {
		in, err := io.ReadAll(io.LimitReader(v.stdin, chirper.MaxTextBytes+2))
		if err != nil {
			return err
		}
		text = strings.TrimSuffix(string(in), "\n")
	}
	call := v.c.GoPost(ctx, u, text, v.callOptions()...)
	post, err := call.Result(ctx)
	if err != nil {
		return err
	}
	r := replies(v, call)
	if v.json {
		return v.print(struct {
			Post    chirper.Post `json:"post"`
			Replies *repliesJSON `json:"replies,omitempty"`
		}{post, r})
	}
	v.tell(r)
	return nil
}

func (v *chirperCall) timeline(ctx context.Context) error {
	u, err := v.user(0)
	if err != nil {
		return err
	}
	call := v.c.GoTimeline
	if v.ordered {
		call = v.c.GoOrderedTimeline
	}
	return v.showPosts(ctx, u, call(ctx, u, v.callOptions()...))
}

func (v *chirperCall) refill(ctx context.Context) error {
	u, err := v.user(0)
	if err != nil {
		return err
	}
	return v.showPosts(ctx, u, v.c.GoRefill(ctx, u))
}

func (v *chirperCall) ownPosts(ctx context.Context) error {
	u, err := v.user(0)
	if err != nil {
		return err
	}
	return v.showPosts(ctx, u, v.c.GoPosts(ctx, u))
}

// showPosts shows a list of posts, a line each or more.
func (v *chirperCall) showPosts(ctx context.Context, u chirper.User, call *chirper.Call[chirper.Timeline]) error {
	t, err := call.Result(ctx)
	if err != nil {
		return err
	}
	posts, r := t.Posts(), replies(v, call)
	posts = posts[:min(len(posts), max(0, v.limit))]
	if v.json {
		return v.print(struct {
			User    chirper.User   `json:"user"`
			Posts   []chirper.Post `json:"posts"`
			Replies *repliesJSON   `json:"replies,omitempty"`
		}{u, posts, r})
	}
	var b strings.Builder
	for _, p := range posts {
		fmt.Fprintf(&b, "%s  %d: %s\n", p.ID.Time().Format(time.DateTime), p.ID.Author, strings.ReplaceAll(p.Text, "\n", "\n    "))
	}
	v.tell(r)
	_, err = io.WriteString(v.stdout, b.String())
	return err
}

func (v *chirperCall) followers(ctx context.Context) error {
	return v.showUsers(ctx, v.c.Followers)
}

func (v *chirperCall) following(ctx context.Context) error {
	return v.showUsers(ctx, v.c.Following)
}

func (v *chirperCall) showUsers(ctx context.Context, get func(context.Context, chirper.User) (chirper.Users, error)) error {
	u, err := v.user(0)
	if err != nil {
		return err
	}
	users, err := get(ctx, u)
	if err != nil {
		return err
	}
	if v.json {
		return v.print(map[string]any{"user": u, v.command.name: users})
	}
	var b strings.Builder
	for other := range users.All() {
		fmt.Fprintln(&b, other)
	}
	_, err = io.WriteString(v.stdout, b.String())
	return err
}
