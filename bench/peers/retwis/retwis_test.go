package retwis

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
)

// model is what all ways must make of the same operations.
type model struct {
	last      int
	follows   map[[2]uint32]bool
	own       map[uint32][]modelPost // newest first
	timelines map[uint32][]modelPost
	users     uint32
}

type modelPost struct {
	number int
	author uint32
	text   string
}

func (m *model) post(author uint32, text string) {
	m.last++
	p := modelPost{m.last, author, text}
	m.own[author] = insert(m.own[author], bench.KeptPosts, p)
	for f := range m.users {
		if f == author || m.follows[[2]uint32{f, author}] {
			m.timelines[f] = insert(m.timelines[f], bench.TimelineBound, p)
		}
	}
}

func insert(list []modelPost, most int, ps ...modelPost) []modelPost {
	list = append(slices.Clone(list), ps...)
	slices.SortFunc(list, func(a, b modelPost) int { return b.number - a.number })
	list = slices.Compact(list)
	return list[:min(len(list), most)]
}

func (m *model) follow(user, other uint32) {
	if !m.follows[[2]uint32{user, other}] {
		m.follows[[2]uint32{user, other}] = true
		m.timelines[user] = insert(m.timelines[user], bench.TimelineBound, m.own[other]...)
	}
}

func (m *model) unfollow(user, other uint32) {
	delete(m.follows, [2]uint32{user, other})
	m.timelines[user] = slices.DeleteFunc(slices.Clone(m.timelines[user]), func(p modelPost) bool { return p.author == other })
}

// All ways do what Chirper does, one operation at a time.
func TestWays(t *testing.T) {
	if err := Installed(); err != nil {
		t.Skip(err)
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) { sameAsModel(t, w) })
	}
}

func sameAsModel(t *testing.T, w way) {
	const users = 12
	followers := make([][]uint32, users)
	m := &model{follows: map[[2]uint32]bool{}, own: map[uint32][]modelPost{}, timelines: map[uint32][]modelPost{}, users: users}
	for u := range uint32(users) {
		for f := range u {
			followers[u] = append(followers[u], f)
			m.follows[[2]uint32{f, u}] = true
		}
	}
	c := bench.Case{Partitions: 1, Outstanding: 4, Size: 10, Command: bench.Mix}
	people := bench.NewPeople(followers)
	people.First(func(author uint32) { m.post(author, string(bench.Text(c.Size))) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var k bench.Keeper
	defer func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}()
	s := k.Servers(w.name, func() bench.Servers { return new(server) })
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	x := &client{Social: bench.NewSocial(c, people), way: w, c: c, people: people, cpu: s.CPU, addr: s.Address().(string)}
	if err := x.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if err := x.fill(ctx); err != nil { // a second time changes nothing
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 600 {
		u, v := uint32(r.IntN(users)), uint32(r.IntN(users))
		var err error
		switch n := r.IntN(5); {
		case n < 2:
			text := fmt.Sprintf("text: %d", i)
			m.post(u, text)
			err = x.post(ctx, u, text)
		case n == 2 && u != v:
			m.follow(u, v)
			err = x.follow(ctx, 0, u, v)
		case n == 3 && u != v:
			m.unfollow(u, v)
			err = x.unfollow(ctx, 0, u, v)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.timeline(ctx, u)
		if err != nil {
			t.Fatal(err)
		}
		var have, want []string
		for _, p := range got {
			have = append(have, p.author+" "+p.text)
		}
		for _, p := range m.timelines[u] {
			want = append(want, fmt.Sprint(p.author)+" "+p.text)
		}
		if !slices.Equal(have, want) {
			t.Fatalf("operation %d: user %d reads\n%q, want\n%q", i, u, have, want)
		}
	}
}

// A client carries out whole workloads as a bench runs it, and the server's
// processor time counts.
func TestWorkloads(t *testing.T) {
	if err := Installed(); err != nil {
		t.Skip(err)
	}
	var k bench.Keeper
	defer k.Close()
	for _, a := range Contenders(&k) {
		for _, command := range []string{bench.Timeline, bench.Mix, bench.Post} {
			c := bench.Case{Partitions: 1, Replicas: 3, Size: 20, Outstanding: 8, Command: command, Users: 200}
			s := a.Servers(c)
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(s.Address())
			if err != nil {
				t.Fatal(err)
			}
			sys, err := a.Client(c, raw, s.CPU)
			if err != nil {
				t.Fatal(err)
			}
			if err := sys.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i := range 300 {
				if err := sys.(bench.Doer).Do(sys.(bench.Source).Next(i % c.Outstanding)); err != nil {
					t.Fatalf("%s, %s: %v", a, command, err)
				}
			}
			if n, posts := sys.(bench.Reader).Timelines(); (n == 0) != (command == bench.Post) || posts > n*bench.TimelineBound {
				t.Errorf("%s, %s: %d timelines with %d posts", a, command, n, posts)
			}
			if err := sys.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
