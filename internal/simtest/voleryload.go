package simtest

import (
	"math/rand/v2"

	"github.com/eyrie-dev/eyrie/apps/volery"
	tree "github.com/eyrie-dev/eyrie/apps/volery/model"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// voleryLoad draws Volery's commands, as data. Few paths, so that they meet;
// creations and deletions, which touch the parent's partition and the node's,
// in the majority.
type voleryLoad struct {
	service *ssmr.Service
	place   *oracle.Map
	shape   *Shape
	n       int64
}

var voleryNames = []string{"a", "b", "c", "d", "lock-0000000001", "lock-0000000002"}

func (v *voleryLoad) next(r *rand.Rand) (code uint16, arg []byte, guess ids.Set) {
	multi := r.IntN(100) < v.shape.Multi && !(v.shape.Reads && r.IntN(2) == 0)
	for range 8 {
		code, arg = v.draw(r, multi)
		access, err := v.service.Definition().Commands[code].Access(arg)
		if err == nil && (len(v.place.Route(access, nil)) > 1) == multi {
			break
		}
	}
	return code, arg, nil
}

func (v *voleryLoad) draw(r *rand.Rand, multi bool) (uint16, []byte) {
	v.n++
	q := tree.Request{Command: pick(r, "exists", "getChildren", "getData", "setData", "setData")}
	if !multi && v.shape.Reads {
		q.Command = pick(r, "exists", "getChildren", "getData", "getData", "setData")
	}
	if multi {
		q.Command = pick(r, "create", "create", "create", "delete", "delete")
	}
	names := voleryNames[:2+r.IntN(len(voleryNames)-1)]
	for range 1 + r.IntN(3) {
		q.Path += "/" + pick(r, names...)
	}
	switch r.IntN(60) {
	case 0:
		q.Path = pick(r, "", "a", "//a", "/a/", "/a/../b", "/a\x00")
	case 1, 2:
		q.Path = "/"
	}
	switch q.Command {
	case "create", "setData":
		q.Data = bytesOf(v.n)[:1+r.IntN(8)]
	}
	switch q.Command {
	case "delete", "setData":
		q.Version = int32(r.IntN(5)) - 1
		if r.IntN(2) == 0 {
			q.Version = -1
		}
	}
	code, arg, err := q.Encode(v.service)
	if err != nil {
		panic(err) // a request of our own making
	}
	return code, arg
}

// voleryModel is the service's own sequential model: a tree, written apart
// from the commands.
func voleryModel(h *History) func(code uint16, arg []byte, at hlc.Timestamp) (answer, error) {
	nodes := tree.New()
	names := newModel(h.Service, 0)
	return func(code uint16, arg []byte, at hlc.Timestamp) (answer, error) {
		q, err := tree.Decode(h.Service.Commands[code].Name, arg)
		if err != nil {
			return answer{}, err
		}
		value, err := nodes.Apply(int64(at), q)
		if err != nil {
			name, text := names.describe(err)
			return answer{errName: name, errTxt: text}, nil
		}
		return answer{value: string(value)}, nil
	}
}

var voleryService = volery.Service
