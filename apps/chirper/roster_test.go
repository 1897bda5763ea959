package chirper

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRosterIsASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		var r roster
		set := map[User]bool{}
		for range 200 {
			u := User(random.Uint64N(40))
			if random.IntN(3) == 0 {
				u = MaxUser - User(random.Uint64N(1<<random.IntN(50)))
			}
			before := bytes.Clone(r)
			old := r
			if random.IntN(2) == 0 {
				set[u], r = true, r.with(u)
			} else {
				delete(set, u)
				r = r.without(u)
			}
			if !bytes.Equal(old, before) {
				t.Fatal("changed in place")
			}
			var users []User
			for u := range set {
				users = append(users, u)
			}
			slices.Sort(users)
			if got := slices.Collect(r.all()); !slices.Equal(got, users) || r.len() != len(users) {
				t.Fatalf("%v, %d, want %v", got, r.len(), users)
			}
			if !bytes.Equal(r, rosterOf(users)) || r.check() != nil || r.has(u) != set[u] {
				t.Fatalf("%x is %x, %v", []byte(r), []byte(rosterOf(users)), r.check())
			}
		}
	}
}

func FuzzUsers(f *testing.F) {
	f.Add([]byte(rosterOf([]User{0, 1, 500, MaxUser})))
	f.Fuzz(func(t *testing.T, b []byte) {
		var u Users
		if u.UnmarshalBinary(b) != nil {
			return
		}
		users := slices.Collect(u.All())
		if len(users) != u.Len() || !slices.IsSorted(users) {
			t.Error(users, u.Len())
		}
	})
}
