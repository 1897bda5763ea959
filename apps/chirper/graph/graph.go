// Package graph has the social graphs that Chirper is loaded with: read from an
// edge list as the SNAP collection publishes them, or generated.
package graph

import (
	"errors"
	"iter"
	"slices"

	"github.com/eyrie-dev/eyrie/apps/chirper"
)

// Graph is who follows whom, where everybody follows those by whom they are
// followed. It is immutable and safe for concurrent use.
type Graph struct {
	users []chirper.User // ascending
	// friends[first[i]:first[i+1]] are those of users[i], as indices, ascending.
	first   []int
	friends []uint32
	loops   int
	doubles int
}

// ErrTooLarge: a graph has more than MaxEdges edges.
var ErrTooLarge = errors.New("graph: too large")

// MaxEdges bounds the memory of a graph: about 24 bytes an edge while it is
// made, 8 afterwards.
const MaxEdges = 16 << 20

// edge is between two users, by index.
type edge struct{ a, b uint32 }

// build makes a graph of edges between users, which are by number of index.
func build(numbers []chirper.User, edges []edge) *Graph {
	g := &Graph{users: slices.Sorted(slices.Values(numbers))}
	rank := make([]uint32, len(numbers))
	for i, u := range numbers {
		at, _ := slices.BinarySearch(g.users, u)
		rank[i] = uint32(at)
	}
	g.first = make([]int, len(numbers)+1)
	kept := edges[:0]
	for _, e := range edges {
		if e.a == e.b {
			g.loops++
			continue
		}
		e = edge{rank[e.a], rank[e.b]}
		g.first[e.a+1]++
		g.first[e.b+1]++
		kept = append(kept, e)
	}
	for i := range numbers {
		g.first[i+1] += g.first[i]
	}
	g.friends = make([]uint32, 2*len(kept))
	next := slices.Clone(g.first)
	for _, e := range kept {
		g.friends[next[e.a]], g.friends[next[e.b]] = e.b, e.a
		next[e.a]++
		next[e.b]++
	}
	g.compact()
	return g
}

// compact sorts everybody's friends and drops the doubles.
func (g *Graph) compact() {
	to := 0
	for i := range g.users {
		list := g.friends[g.first[i]:g.first[i+1]]
		slices.Sort(list)
		list = slices.Compact(list)
		g.first[i] = to
		to += copy(g.friends[to:], list)
	}
	g.doubles = (len(g.friends) - to) / 2
	g.first[len(g.users)] = to
	g.friends = g.friends[:to]
}

// Len is how many users there are. Those without friends count if they were
// named.
func (g *Graph) Len() int { return len(g.users) }

// Size is how many edges there are: pairs of users who follow each other.
func (g *Graph) Size() int { return len(g.friends) / 2 }

// Skipped is how many edges were left out: from a user to itself, and those
// that were there already.
func (g *Graph) Skipped() (loops, doubles int) { return g.loops, g.doubles }

// User is the i-th user, in ascending order.
func (g *Graph) User(i int) chirper.User { return g.users[i] }

// Users are all users in ascending order. The caller must not change them.
func (g *Graph) Users() []chirper.User { return g.users }

// Degree is how many follow the i-th user.
func (g *Graph) Degree(i int) int { return g.first[i+1] - g.first[i] }

// MaxDegree is the largest degree.
func (g *Graph) MaxDegree() (most int) {
	for i := range g.users {
		most = max(most, g.Degree(i))
	}
	return most
}

// Followers are those who follow the i-th user, and whom that user follows, in
// ascending order.
func (g *Graph) Followers(i int) iter.Seq[chirper.User] {
	return func(yield func(chirper.User) bool) {
		for _, j := range g.friends[g.first[i]:g.first[i+1]] {
			if !yield(g.users[j]) {
				return
			}
		}
	}
}

// Index is which user, in ascending order, has this number.
func (g *Graph) Index(u chirper.User) (int, bool) { return slices.BinarySearch(g.users, u) }
