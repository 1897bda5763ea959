package chirper

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func insert(f feed, p Post, most int) feed {
	drop, more := f.slide(newEntry(p.ID, p.Text), most)
	return append(bytes.Clone(f[drop:]), more...)
}

func TestFeedIsASortedList(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	nonce := uint32(0)
	some := func() Post {
		nonce += 1 + uint32(random.IntN(9))*1e7 // none comes twice
		id := PostID{User(random.IntN(4)), int64(random.IntN(30)), nonce}
		return Post{id, strings.Repeat("x", int(13*id.Micros))}
	}
	sorted := func(list []Post, most int) []Post {
		slices.SortStableFunc(list, func(a, b Post) int {
			switch {
			case a.ID.Newer(b.ID):
				return -1
			case b.ID.Newer(a.ID):
				return 1
			}
			return 0
		})
		list = slices.CompactFunc(list, func(a, b Post) bool { return a.ID == b.ID })
		return list[:min(len(list), most)]
	}
	for range 300 {
		var f, g feed
		var list, other []Post
		most := 1 + random.IntN(20)
		for range 60 {
			before, old := bytes.Clone(f), f
			switch p := some(); random.IntN(8) {
			case 0:
				f = f.without(p.ID.Author)
				list = slices.DeleteFunc(slices.Clone(list), func(q Post) bool { return q.ID.Author == p.ID.Author })
			case 1:
				f = f.merge(g, most)
				list = sorted(slices.Concat(list, other), most)
			case 2:
				g, other = insert(g, p, 5), sorted(append(slices.Clone(other), p), 5)
				f, list = insert(f, p, most), sorted(append(slices.Clone(list), p), most)
			case 3:
				g, other = insert(g, p, 5), sorted(append(slices.Clone(other), p), 5)
			default:
				f, list = insert(f, p, most), sorted(append(slices.Clone(list), p), most)
			}
			if !bytes.Equal(old, before) {
				t.Fatal("changed in place")
			}
			if got := (Timeline{f}).Posts(); !slices.Equal(got, list) || f.check() != nil {
				t.Fatalf("%v, %v\nwant %v", got, f.check(), list)
			}
		}
	}
}

func FuzzTimeline(f *testing.F) {
	f.Add([]byte(insert(nil, Post{PostID{1, 2, 3}, "text"}, 5)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var l Timeline
		if l.UnmarshalBinary(b) == nil && len(l.Posts()) != l.Len() {
			t.Error(l.Posts())
		}
	})
}

// What comes of posts depends on which they are, not on their order: not even
// those that were cut off meanwhile, nor what two with one identity say.
func TestPostsCommute(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for round := range 400 {
		most := 1 + random.IntN(7)
		var base feed // as after a command that writes it
		posts := make([]Post, 1+random.IntN(7))
		for i, id := range random.Perm(20)[:len(posts)+random.IntN(7)] {
			p := Post{PostID{User(id % 3), int64(id), uint32(random.IntN(2))}, strings.Repeat("x", id)}
			if i < len(posts) {
				if posts[i] = p; i > 0 && round%4 == 0 && random.IntN(2) == 0 {
					posts[i].ID = posts[random.IntN(i)].ID
					posts[i].Text = strings.Repeat("x", 1+random.IntN(2))
				}
			} else {
				base = base.merge(feed{}.with(newEntry(p.ID, p.Text)), most)
			}
		}
		want := base
		for _, p := range posts {
			want = insert(want, p, most)
		}
		for range 30 {
			random.Shuffle(len(posts), func(i, j int) { posts[i], posts[j] = posts[j], posts[i] })
			got := base
			for _, p := range posts {
				got = insert(got, p, most)
			}
			if !bytes.Equal(got, want) || got.check() != nil {
				t.Fatalf("%x and %x, %v", got, want, got.check())
			}
		}
	}
}
