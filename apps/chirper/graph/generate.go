package graph

import (
	"math/rand/v2"

	"github.com/eyrie-dev/eyrie/apps/chirper"
)

// MaxUsers is how many users Generate makes at most.
const MaxUsers = 4 << 20

// Generate makes a heavy-tailed graph of users from 0 on, with about so many
// followers each: by preferential attachment, as Barabási and Albert describe
// it. One after the other comes and makes friends among those who are there,
// each with a chance that is proportional to the friends that they have. It is
// a function of its arguments: the same graph everywhere. Users are at least one
// and at most MaxUsers; a degree is at most half the users; nobody has more
// friends than may follow a user.
func Generate(users, degree int, seed uint64) *Graph {
	users = min(max(1, users), MaxUsers)
	degree = min(max(0, degree), users/2, 2*MaxEdges/users)
	random := rand.New(rand.NewPCG(seed, uint64(users)<<32|uint64(degree)))
	numbers := make([]chirper.User, users)
	friends := make([]int, users)
	edges := make([]edge, 0, users*degree/2+degree)
	// The first ones are friends of the one before, so that each has a chance.
	core := degree/2 + 1
	for i := range users {
		numbers[i] = chirper.User(i)
		want := degree/2 + degree%2*(i%2)
		if i <= core {
			want = min(i, 1) * min(degree, 1)
		}
		mine := len(edges)
		for tries := 0; len(edges)-mine < want && tries < 100*want; tries++ {
			j := uint32(i - 1)
			if i > core {
				j = chosen(random, edges[:mine])
			}
			if int(j) != i && friends[j] < chirper.MaxFollowers && !has(edges[mine:], j) {
				edges = append(edges, edge{uint32(i), j})
				friends[i]++
				friends[j]++
			}
		}
	}
	return build(numbers, edges)
}

// chosen is a user by the friends that they have: an end of an edge.
func chosen(random *rand.Rand, edges []edge) uint32 {
	e := edges[random.IntN(len(edges))]
	if random.IntN(2) == 0 {
		return e.a
	}
	return e.b
}

func has(edges []edge, b uint32) bool {
	for _, e := range edges {
		if e.b == b {
			return true
		}
	}
	return false
}
