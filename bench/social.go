package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/chirper/graph"
)

// Action is what an operation on a social network does.
type Action uint8

// What there is to do. Of an Op of these, Key is the user, Other whom the user
// begins or ceases to follow, and Value a text.
const (
	NoAction     Action = iota // not of a social network
	ReadTimeline               // Key's timeline, newest posts first
	PostText                   // Key posts Value
	FollowUser                 // Key follows Other from now on
	UnfollowUser               // Key no longer follows Other
)

// Commands of a case of a social network: the workloads of section 6.6.1.
// Timelines are read by ordered commands, as the dissertation measured it; in
// those called reads by commands that are linearizable without a place in the
// order.
const (
	Timeline     = "timeline"
	TimelineRead = "timeline-read"
	Mix          = "mix"
	MixRead      = "mix-read"
	Post         = "post"
)

// InOrder says whether a command of a case is one of those whose timelines are
// read by ordered commands.
func InOrder(command string) bool { return command != TimelineRead && command != MixRead }

// Shares of a mix; follow and unfollow in turn have what is left.
const timelineShare, postShare = 0.85, 0.075

// People are the users of a social network, numbered from 0, and who follows
// whom.
type People struct {
	Followers [][]uint32 // of each user, ascending
	Followed  [][]uint32 // by each user, ascending
	graph     *graph.Graph
}

// NewPeople makes users whose followers are those given.
func NewPeople(followers [][]uint32) *People {
	p := &People{Followers: followers, Followed: make([][]uint32, len(followers))}
	for u, fs := range followers {
		slices.Sort(fs)
		for _, f := range fs {
			p.Followed[f] = append(p.Followed[f], uint32(u))
		}
	}
	return p
}

// user is the number of a user in the graph.
func (p *People) user(u uint32) chirper.User { return p.graph.User(int(u)) }

// Follows says whether a user follows another.
func (p *People) Follows(user, other uint32) bool {
	_, ok := slices.BinarySearch(p.Followed[user], other)
	return ok
}

// TimelineBound is how many posts a timeline has at most, and KeptPosts how many
// of a user's are kept for those who follow next, in all systems.
const TimelineBound, KeptPosts = chirper.MaxTimeline, chirper.MaxKept

// FirstPosts is how many posts each user has made before the load begins.
const FirstPosts = 5

// First are the posts that are there before the load begins, in their order, by
// their authors.
func (p *People) First(post func(author uint32)) {
	for range FirstPosts {
		for u := range p.Followers {
			post(uint32(u))
		}
	}
}

// Social draws the operations of a case on a social network: of each slot the
// same ones in every run with the same seed, whatever the system. What follows
// and unfollows change is put back by the slot's next one, so that the graph
// stays what it is but for one follower a slot.
type Social struct {
	people *People
	c      Case
	text   []byte
	slots  []socialSlot
	place  []uint32 // of a skewed load: users in order of how often they act

	timelines, posts atomic.Uint64 // read
}

type socialSlot struct {
	random       *rand.Rand
	zipf         *rand.Zipf
	followed     bool // a follow is to be undone
	user, follow uint32
}

// NewSocial draws operations for the case.
func NewSocial(c Case, p *People) *Social {
	const seed = 6
	s := &Social{people: p, c: c, text: Text(c.Size), slots: make([]socialSlot, c.Outstanding)}
	n := len(p.Followers)
	for i := range s.slots {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		s.slots[i].random = r
		if c.Skew > 1 {
			s.slots[i].zipf = rand.NewZipf(r, c.Skew, 1, uint64(n-1))
		}
	}
	if c.Skew > 1 { // whoever acts often need not have many followers
		s.place = make([]uint32, n)
		for i, at := range rand.New(rand.NewPCG(seed, 1<<32)).Perm(n) {
			s.place[i] = uint32(at)
		}
	}
	return s
}

// Text is a text of so many bytes, each a character.
func Text(size int) []byte {
	const some = "It is not the strongest of the species that survives, nor the most intelligent. "
	b := make([]byte, size)
	for i := range b {
		b[i] = some[i%len(some)]
	}
	if size > 0 && b[size-1] == ' ' {
		b[size-1] = '.'
	}
	return b
}

// Next implements Source.
func (s *Social) Next(slot int) Op {
	x := &s.slots[slot]
	op := Op{Slot: slot, Value: s.text, Destinations: 1}
	switch s.c.Command {
	case Post:
		op.Action, op.Key = PostText, s.user(x)
	case Mix, MixRead:
		switch draw := x.random.Float64(); {
		case draw < timelineShare:
			op.Action, op.Key = ReadTimeline, s.user(x)
		case draw < timelineShare+postShare:
			op.Action, op.Key = PostText, s.user(x)
		default:
			s.alternate(x, &op)
		}
	default:
		op.Action, op.Key = ReadTimeline, s.user(x)
	}
	return op
}

func (s *Social) user(x *socialSlot) uint32 {
	if x.zipf != nil {
		return s.place[x.zipf.Uint64()]
	}
	return uint32(x.random.IntN(len(s.people.Followers)))
}

// tries bounds the search for somebody whom a user does not follow.
const tries = 100

// alternate makes op follow somebody, or undo the slot's last follow. No two
// slots' operations are of one follower, so none is in another's way.
func (s *Social) alternate(x *socialSlot, op *Op) {
	if x.followed {
		op.Action, op.Key, op.Other, x.followed = UnfollowUser, x.user, x.follow, false
		return
	}
	n := uint32(len(s.people.Followers))
	for range tries {
		u := s.user(x)
		if u = u - u%uint32(len(s.slots)) + uint32(op.Slot); u >= n {
			continue
		}
		if v := s.user(x); v != u && !s.people.Follows(u, v) {
			op.Action, op.Key, op.Other = FollowUser, u, v
			x.user, x.follow, x.followed = u, v, true
			return
		}
	}
	op.Action, op.Key = ReadTimeline, s.user(x) // everybody follows everybody
}

// Received is told of each timeline that came: how many posts it has, and how
// many bytes their texts have together. It is safe for concurrent use.
func (s *Social) Received(posts, bytes int) error {
	s.timelines.Add(1)
	s.posts.Add(uint64(posts))
	if posts > TimelineBound || bytes != posts*s.c.Size {
		return fmt.Errorf("bench: a timeline of %d posts with %d bytes; want %d posts at most, of %d bytes each", posts, bytes, TimelineBound, s.c.Size)
	}
	return nil
}

// Timelines implements Reader.
func (s *Social) Timelines() (timelines, posts uint64) { return s.timelines.Load(), s.posts.Load() }

// Reader is a System that reads timelines.
type Reader interface {
	// Timelines is how many it has read so far, and how many posts they had
	// together.
	Timelines() (timelines, posts uint64)
}

// Source is a System that draws its operations itself.
type Source interface {
	// Next draws the next operation of a slot. It is called of one slot at a
	// time, but of several slots concurrently where goroutines wait.
	Next(slot int) Op
}

// meanDegree is about that of ego-Facebook's graph.
const meanDegree = 44

// LoadPeople reads the graph of a case, or makes one up.
func LoadPeople(c Case) (*People, error) {
	g := graph.Generate(c.Users, meanDegree, 1)
	if c.Graph != "" {
		f, err := os.Open(c.Graph)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if g, err = graph.Read(f); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Graph, err)
		}
	}
	followers := make([][]uint32, g.Len())
	for u := range followers {
		for f := range g.Followers(u) {
			i, _ := g.Index(f)
			followers[u] = append(followers[u], uint32(i))
		}
	}
	p := NewPeople(followers)
	p.graph = g
	return p, nil
}
