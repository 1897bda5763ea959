package chirper

import "sync"

// audiences are followers that a client remembers, by author. Bounded: what is
// too much drives out others, whichever.
type audiences struct {
	mu    sync.Mutex
	of    map[User]Users
	bytes int
}

// maxAudiences and maxAudienceBytes bound what a client remembers.
const (
	maxAudiences     = 1 << 14
	maxAudienceBytes = 16 << 20
)

func (a *audiences) get(author User) (Users, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u, ok := a.of[author]
	return u, ok
}

func (a *audiences) put(author User, u Users) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.set(author, u)
}

// change changes what is remembered, if anything is.
func (a *audiences) change(author User, by func(Users) Users) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if u, ok := a.of[author]; ok {
		a.set(author, by(u))
	}
}

func (a *audiences) set(author User, u Users) {
	a.drop(author)
	a.of[author] = u
	a.bytes += len(u.r)
	for other := range a.of {
		if len(a.of) <= maxAudiences && a.bytes <= maxAudienceBytes {
			return
		}
		if other != author {
			a.drop(other)
		}
	}
}

func (a *audiences) drop(author User) {
	if u, ok := a.of[author]; ok {
		delete(a.of, author)
		a.bytes -= len(u.r)
	}
}
