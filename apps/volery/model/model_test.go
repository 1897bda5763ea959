package model_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/apps/volery/model"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// The service and the model must not be told apart, by any reply's bytes.
func TestServiceIsTheModel(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			m, err := ssmr.NewMachine(volery.Service)
			if err != nil {
				t.Fatal(err)
			}
			tree := model.New()
			outcomes := map[string]int{}
			now := int64(1_000_000)
			for i := range 1500 {
				now += int64(random.IntN(3)) // equal timestamps happen
				r := randomRequest(random)
				command, arg, err := r.Encode(volery.Service)
				if err != nil {
					t.Fatal(err)
				}
				if back, err := model.Decode("volery/"+r.Command, arg); err != nil || back.String() != r.String() {
					t.Fatalf("%v decodes to %v, %v", r, back, err)
				}
				got, gotErr := m.Apply(command, arg, hlc.Timestamp(now), ids.Command{Sequence: ids.Sequence(i)})
				want, wantErr := tree.Apply(now, r)
				if !sameError(gotErr, wantErr) || !bytes.Equal(got, want) {
					t.Fatalf("step %d, %v:\nservice %x %v\nmodel   %x %v", i, r, got, gotErr, want, wantErr)
				}
				outcomes[fmt.Sprint(r.Command, wantErr)]++
			}
			if outcomes["create<nil>"] < 50 || outcomes["delete<nil>"] < 20 || outcomes["deletenot empty"] < 5 {
				t.Errorf("a run that did little proves little: %v", outcomes)
			}
			checkVariables(t, m, tree)
		})
	}
}

func sameError(got, want error) bool {
	if want == nil {
		return got == nil
	}
	return got != nil && got.Error() == want.Error()
}

// randomRequest prefers few, deep, nearly valid paths.
func randomRequest(random *rand.Rand) model.Request {
	pick := func(s ...string) string { return s[random.IntN(len(s))] }
	r := model.Request{
		Command: pick("create", "create", "create", "delete", "delete", "delete", "exists", "getChildren", "getData", "setData"),
		Version: int32(max(random.IntN(6)-3, -1)),
	}
	for range random.IntN(4) {
		r.Path += "/" + pick("a", "b", "c", "n0000000001", "-000000007")
	}
	switch random.IntN(40) {
	case 0:
		r.Path += pick("/", "//", "/.", "/..", "/\x01", "/\x00", "x\x00/y", "/\xff", "/\U0001f600")
	case 1:
		r.Path = pick("", "a", "a/b", "//a", "/a//b", "/a/../b")
	case 2:
		r.Path = "/"
	}
	if r.Path == "" && random.IntN(4) > 0 {
		r.Path = "/a"
	}
	if r.Command == "create" || r.Command == "setData" {
		r.Data = bytes.Repeat([]byte{byte(random.IntN(256))}, random.IntN(4))
	}
	if r.Command != "delete" && r.Command != "setData" {
		r.Version = 0
	}
	return r
}

// checkVariables compares what is stored with the tree: a record and an entry
// for each node but the root, nothing else, no sums where no node is.
func checkVariables(t *testing.T, m *ssmr.Machine, tree *model.Tree) {
	t.Helper()
	collections := volery.Service.Definition().Collections
	count := map[string]int{}
	for k := range m.All {
		name := collections[k.Collection].Name
		count[name]++
		path := k.Name
		if name == "entries" {
			parent, child, _ := bytes.Cut([]byte(k.Name), []byte{0})
			path = volery.Join(string(parent), string(child))
		}
		if _, ok, err := tree.Exists(path); err != nil || !ok {
			t.Errorf("%s holds %q, which is no node", name, path)
		}
		if name == "nodes" && path == "/" {
			count[name]--
		}
	}
	if n := tree.Len() - 1; count["nodes"] != n || count["entries"] != n {
		t.Errorf("%d nodes below the root, but %v variables", n, count)
	}
}

func TestClone(t *testing.T) {
	a := model.New()
	a.Create(1, "/x", []byte("old"))
	b := a.Clone()
	b.SetData(2, "/x", []byte("new"), -1)
	b.Create(3, "/x/y", nil)
	if data, s, err := a.GetData("/x"); string(data) != "old" || s.NumChildren != 0 || err != nil {
		t.Error("a clone shares memory:", string(data), s, err)
	}
}

func TestUnknownCommand(t *testing.T) {
	if _, _, err := (model.Request{Command: "mkdir"}).Encode(volery.Service); !errors.Is(err, model.ErrCommand) {
		t.Error(err)
	}
	if _, err := model.Decode("mkdir", nil); !errors.Is(err, model.ErrCommand) {
		t.Error(err)
	}
	if _, err := model.New().Apply(1, model.Request{}); !errors.Is(err, model.ErrCommand) {
		t.Error(err)
	}
}
