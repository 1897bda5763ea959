package chirper

import (
	"testing"

	"github.com/eyrie-dev/eyrie/partition"
)

// What a command reads of others it declares as read, also where it writes it,
// too: only that is sent before the command's code has come to it.
func TestFollowsReadAtOnce(t *testing.T) {
	pair := func(p Pair) []byte { raw, _ := p.AppendBinary(nil); return raw }
	all, _ := FollowArg{1, UsersOf(2, 3)}.AppendBinary(nil)
	for _, c := range []struct {
		name string
		arg  []byte
	}{{FollowUser.Name(), pair(Pair{1, 2})}, {UnfollowUser.Name(), pair(Pair{1, 2})}, {FollowUsers.Name(), all}} {
		for _, spec := range Service.Definition().Commands {
			if spec.Name != c.name {
				continue
			}
			a, err := spec.Access(c.arg)
			if err != nil {
				t.Fatal(err)
			}
			early := map[partition.Key]bool{}
			for _, it := range a.Items {
				if !it.Write {
					early[it.Key] = true
				}
			}
			seen := &noting{}
			func() {
				defer func() { _ = recover() }()
				spec.Run(seen, c.arg)
			}()
			if len(seen.keys) == 0 {
				t.Errorf("%s reads nothing", c.name)
			}
			for _, k := range seen.keys {
				if !early[k] {
					t.Errorf("%s reads %v without having said so", c.name, k)
				}
			}
		}
	}
}

// noting notes what is read; every list is there, and empty.
type noting struct {
	partition.Tx
	keys []partition.Key
}

func (r *noting) Get(k partition.Key) ([]byte, bool) {
	r.keys = append(r.keys, k)
	return nil, true
}

func (r *noting) Update(partition.Key, uint16, []byte) {}

// A post is nothing but updates, apart from the followers.
func TestPostsOnlyUpdate(t *testing.T) {
	raw, err := PostArg{Author: 1, Audience: UsersOf(2, 3), Text: "text"}.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range Service.Definition().Commands {
		if spec.Name != PostText.Name() {
			continue
		}
		a, err := spec.Access(raw)
		if err != nil || !a.Exact || len(a.Items) != 5 {
			t.Fatalf("%+v, %v", a, err)
		}
		for _, it := range a.Items[1:] {
			if op := &Service.Definition().Operations[it.Op]; !it.Blind || !op.Commutes {
				t.Errorf("%+v", it)
			}
		}
	}
}
