package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// replies counts how calls were answered.
type replies struct{ calls, early, wrong, unknown atomic.Int64 }

// people are users of Chirper, all of whom follow all others, and one client.
type people struct {
	t     *testing.T
	c     *chirper.Client
	users int
	got   replies
	// posted are the posts acknowledged, by author.
	posted [16]atomic.Int64
}

func dialChirper(ctx context.Context, t *testing.T, file string) *chirper.Client {
	t.Helper()
	c, err := ssmr.Dial(ctx, file, apps.Service, ssmr.ClientConfig{Window: 64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return chirper.NewClient(c)
}

func gather(ctx context.Context, t *testing.T, file string, users int) *people {
	p := &people{t: t, c: dialChirper(ctx, t, file), users: users}
	var all []chirper.User
	for u := range users {
		all = append(all, chirper.User(u))
		if _, err := p.c.Join(ctx, chirper.User(u)); err != nil {
			t.Fatal(err)
		}
	}
	for u, user := range all {
		others := chirper.UsersOf(slices.Delete(slices.Clone(all), u, u+1)...)
		if _, err := p.c.FollowAll(ctx, user, others); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// both takes both replies to a call and compares them.
func both[R any](ctx context.Context, p *people, call *chirper.Call[R]) (ok bool) {
	first, err := call.Optimistic(ctx)
	if err != nil {
		p.t.Errorf("no reply at all: %v", err)
		return false
	}
	value, err := call.Result(ctx)
	p.got.calls.Add(1)
	if errors.Is(err, ssmr.ErrOutcomeUnknown) {
		p.got.unknown.Add(1)
		return false
	}
	if err != nil {
		p.t.Errorf("%v", err)
	}
	r := call.Replies()
	same := fmt.Sprint(first.Value, first.Err) == fmt.Sprint(value, err)
	switch {
	case first.Final == r.Early:
		p.t.Errorf("the first reply was final: %v; there was an optimistic one: %v", first.Final, r.Early)
	case first.Final && !same, r.Early && r.Agreed != same:
		p.t.Errorf("%v, %v and %v, %v agree: %v", first.Value, first.Err, value, err, r.Agreed)
	case r.Early && r.Optimistic > r.Conservative:
		p.t.Errorf("the optimistic reply came after %v, the other after %v", r.Optimistic, r.Conservative)
	}
	if r.Early {
		p.got.early.Add(1)
		if !r.Agreed {
			p.got.wrong.Add(1)
		}
	}
	return err == nil
}

// chat has users post and read until ctx ends.
func (p *people) chat(ctx context.Context, talkers int) {
	var wg sync.WaitGroup
	for i := range talkers {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		wg.Go(func() {
			for n := 0; ctx.Err() == nil && !p.t.Failed(); n++ {
				u := r.IntN(p.users)
				if r.IntN(2) == 0 {
					both(context.Background(), p, p.c.GoOrderedTimeline(context.Background(), chirper.User(u), ssmr.Optimistic()))
				} else if both(context.Background(), p, p.c.GoPost(context.Background(), chirper.User(u), fmt.Sprint(i, " says ", n), ssmr.Optimistic())) {
					p.posted[u].Add(1)
				}
			}
		})
	}
	wg.Wait()
}

// Both replies come from separate processes over TCP, one of which is killed
// meanwhile: final replies lose nothing and nothing twice.
func TestBothReplies(t *testing.T) {
	t.Parallel()
	p := newCluster(t, t.TempDir(), 2, 3, "--execution", "full")
	if p.desc.Execution != optimistic.Full {
		t.Fatalf("init wrote execution %v", p.desc.Execution)
	}
	for id := range p.desc.Addrs() {
		p.start(id)
	}
	p.waitReady(30 * time.Second)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	all := gather(ctx, t, p.file, 6)

	chatting, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { all.chat(chatting, 6); close(done) }()
	enough := func(more int64) {
		from, early := all.got.calls.Load(), all.got.early.Load()
		eventually(t, time.Minute, "replies of both kinds come", func() bool {
			return t.Failed() || all.got.calls.Load() > from+more && all.got.early.Load() > early
		})
	}
	enough(300)
	p.kill(p.leader(0))
	enough(300)
	stop()
	<-done
	got := &all.got
	t.Logf("%d calls, %d optimistic replies, %d of them wrong, %d outcomes unknown", got.calls.Load(), got.early.Load(), got.wrong.Load(), got.unknown.Load())
	if got.unknown.Load() > 0 {
		t.Errorf("%d outcomes are unknown though two of three replicas live", got.unknown.Load())
	}
	for u := range all.users {
		posts, err := all.c.Posts(ctx, chirper.User(u))
		want := min(int(all.posted[u].Load()), chirper.MaxKept)
		if err != nil || posts.Len() != want {
			t.Errorf("user %d: %d posts, want %d, %v", u, posts.Len(), want, err)
		}
		seen := map[string]bool{}
		for post := range posts.All() {
			if seen[post.Text] {
				t.Errorf("user %d has posted %q twice", u, post.Text)
			}
			seen[post.Text] = true
		}
	}
}

// Who was told to execute in another way is refused, and is told so.
func TestOtherExecutionIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, "--dir", dir, "--memory", "--partitions", "1")
	p := &processes{t: t, file: dir + "/eyrie.json"}
	const says = "ways of execution"
	for _, other := range []string{"baseline", "conservative"} {
		file := p.variant(other+".json", strings.NewReplacer(`"full"`, `"`+other+`"`))
		if out, code := eyrie(t, nil, "status", "--cluster", file); code != 4 || !strings.Contains(out, says) {
			t.Errorf("%s: status: %d: %s", other, code, out)
		}
		if out, code := eyrie(t, nil, "volery", "get", "/", "--cluster", file); code != 4 || !strings.Contains(out, says) {
			t.Errorf("%s: volery: %d: %s", other, code, out)
		}
	}
	if out, code := eyrie(t, nil, "status", "--cluster", p.file); code != 0 {
		t.Errorf("status: %d: %s", code, out)
	}

	// A process, by its flag: the others go on without it.
	q := newCluster(t, t.TempDir(), 1, 3, "--execution", "baseline")
	for id := range q.desc.Addrs() {
		if id != 3 {
			q.start(id)
		}
	}
	cmd, log := begin(t, "node", "--memory", "--cluster", q.file, "--id", "3", "--execution", "full")
	q.cmds[ids.Process(3)], q.logs[ids.Process(3)] = cmd, log
	eventually(t, 30*time.Second, "a process says why it is refused", func() bool { return strings.Contains(log.String(), says) })
}
