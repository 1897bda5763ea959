package tree

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// unsure loses replies, before and after the command took effect.
type unsure struct {
	Client
	mu     sync.Mutex
	random *rand.Rand
	lost   int
}

func (u *unsure) lose() (before, after bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.random.IntN(12)
	if n < 2 {
		u.lost++
	}
	return n == 0, n == 1
}

func (u *unsure) Create(ctx context.Context, path string, data []byte) (volery.Stat, error) {
	before, after := u.lose()
	if before {
		return volery.Stat{}, ssmr.ErrOutcomeUnknown
	}
	s, err := u.Client.Create(ctx, path, data)
	if after {
		return volery.Stat{}, ssmr.ErrOutcomeUnknown
	}
	return s, err
}

func (u *unsure) SetData(ctx context.Context, path string, data []byte, version int32) (volery.Stat, error) {
	before, after := u.lose()
	if before {
		return volery.Stat{}, ssmr.ErrOutcomeUnknown
	}
	s, err := u.Client.SetData(ctx, path, data, version)
	if after {
		return volery.Stat{}, ssmr.ErrOutcomeUnknown
	}
	return s, err
}

func (u *unsure) Delete(ctx context.Context, path string, version int32) error {
	before, after := u.lose()
	if before {
		return ssmr.ErrOutcomeUnknown
	}
	err := u.Client.Delete(ctx, path, version)
	if after {
		return ssmr.ErrOutcomeUnknown
	}
	return err
}

func (u *unsure) GetData(ctx context.Context, path string) ([]byte, volery.Stat, error) {
	if before, _ := u.lose(); before {
		return nil, volery.Stat{}, ssmr.ErrOutcomeUnknown
	}
	return u.Client.GetData(ctx, path)
}

// However many outcomes are unknown, repeating the import completes it, and
// nothing is there twice or halfway.
func TestUnknownOutcomes(t *testing.T) {
	ctx := context.Background()
	dir := oddTree(t)
	for seed := range uint64(20) {
		u := &unsure{Client: newClient(t), random: rand.New(rand.NewPCG(seed, 2))}
		var err error
		runs := 0
		for ; runs < 100; runs++ {
			if _, err = Import(ctx, u, dir, "/t", small); err == nil {
				break
			}
			if !errors.Is(err, ssmr.ErrOutcomeUnknown) {
				t.Fatal(err)
			}
		}
		if err != nil || u.lost == 0 {
			t.Fatalf("after %d runs and %d lost replies: %v", runs, u.lost, err)
		}
		out := t.TempDir()
		if _, err := Export(ctx, u.Client, "/t", out, Options{}); err != nil {
			t.Fatal(err)
		}
		same(t, out, dir)
	}
}

func TestRemove(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(5) {
		u := &unsure{Client: newClient(t), random: rand.New(rand.NewPCG(seed, 3))}
		in, err := Import(ctx, u.Client, oddTree(t), "/t", small)
		if err != nil {
			t.Fatal(err)
		}
		_, before, _ := u.GetChildren(ctx, "/")
		got, err := Remove(ctx, u, "/t", small)
		for errors.Is(err, ssmr.ErrOutcomeUnknown) {
			got.Removed = 1000 // of several runs; their sum is not the point
			_, err = Remove(ctx, u, "/t", small)
		}
		if err != nil && !errors.Is(err, volery.ErrNoNode) || got.Removed < in.Directories+in.Files+in.Links {
			t.Fatalf("removed %+v of %+v: %v", got, in, err)
		}
		names, after, err := u.GetChildren(ctx, "/")
		if err != nil || len(names) != 0 || before.NumChildren != 1 {
			t.Error(names, after, err)
		}
	}
	c := newClient(t)
	if _, err := Remove(ctx, c, "/", Options{}); !errors.Is(err, volery.ErrBadArguments) {
		t.Errorf("the root: %v", err)
	}
	if _, err := Remove(ctx, c, "/none", Options{}); !errors.Is(err, volery.ErrNoNode) {
		t.Errorf("nothing there: %v", err)
	}
}
