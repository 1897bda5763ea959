package web

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// people knows some users to suggest: there is no list of all, so it looks at
// the first numbers, at whoever signs in here, and at those whom they follow.
type people struct {
	backend Backend

	mu      sync.Mutex
	recent  []uint64 // signed in here, newest first, without repeats
	answer  []Suggestion
	until   time.Time
	looking chan struct{} // closed when the one who looks has an answer
}

// Suggestion is a user who has joined.
type Suggestion struct {
	User      uint64 `json:"user"`
	Followers int    `json:"followers"`
	Following int    `json:"following"`
}

const (
	suggested    = 12               // how many are suggested
	firstNumbers = 8                // looked at anyhow
	lookedAt     = 40               // profiles read for one answer, at most
	freshFor     = 10 * time.Second // an answer is given again
	recentKept   = 8
)

func newPeople(b Backend) *people { return &people{backend: b} }

// met tells of a user who signs in.
func (p *people) met(user uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := slices.DeleteFunc(p.recent, func(u uint64) bool { return u == user })
	p.recent = slices.Insert(rest, 0, user)[:min(len(rest)+1, recentKept)]
	p.until = time.Time{}
}

// suggest is a few users, those with most followers first. One caller looks at
// a time; the others wait for its answer.
func (p *people) suggest(ctx context.Context) ([]Suggestion, error) {
	for {
		p.mu.Lock()
		if time.Now().Before(p.until) {
			defer p.mu.Unlock()
			return p.answer, nil
		}
		wait := p.looking
		if wait == nil {
			p.looking = make(chan struct{})
			candidates := slices.Clone(p.recent)
			p.mu.Unlock()
			return p.look(ctx, candidates)
		}
		p.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *people) look(ctx context.Context, candidates []uint64) ([]Suggestion, error) {
	found, err := p.search(ctx, candidates)
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.looking)
	p.looking = nil
	if err == nil {
		p.answer, p.until = found, time.Now().Add(freshFor)
	}
	return found, err
}

func (p *people) search(ctx context.Context, candidates []uint64) ([]Suggestion, error) {
	for u := range uint64(firstNumbers) {
		candidates = append(candidates, u)
	}
	seen := map[uint64]bool{}
	found := []Suggestion{}
	for i := 0; i < len(candidates) && len(seen) < lookedAt; i++ {
		u := candidates[i]
		if seen[u] {
			continue
		}
		seen[u] = true
		profile, ok, err := p.backend.Profile(ctx, u)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		found = append(found, Suggestion{u, profile.Followers, profile.Following})
		// A few of them, spread over the list, lead into the rest of the graph.
		for _, at := range []int{1, 3} {
			if n := len(profile.Follows); n > 0 {
				candidates = append(candidates, profile.Follows[n*at/4])
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(b.Followers, a.Followers), cmp.Compare(a.User, b.User))
	})
	return found[:min(len(found), suggested)], nil
}
