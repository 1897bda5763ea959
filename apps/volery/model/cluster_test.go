package model_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/apps/volery/model"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// The same commands on clusters of one and of several partitions get the
// replies of the model, but for the times of day: zxids are compared by their
// order within each reply.
func TestClustersAreTheModel(t *testing.T) {
	for _, partitions := range []int{1, 3} {
		t.Run(fmt.Sprint(partitions, " partitions"), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			cluster, err := ssmr.StartLocal(ctx, volery.Service, ssmr.Config{Partitions: partitions, Replicas: 1, Checks: true})
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			c := volery.NewClient(cluster.Client())
			tree := model.New()
			random := rand.New(rand.NewPCG(7, 7))
			for i := range 600 {
				r := randomRequest(random)
				got, want := onCluster(ctx, c, r), onModel(tree, int64(i+1), r)
				if got != want {
					t.Fatalf("step %d, %v:\ncluster %s\nmodel   %s", i, r, got, want)
				}
			}
		})
	}
}

func onCluster(ctx context.Context, c *volery.Client, r model.Request) string {
	switch r.Command {
	case "create":
		s, err := c.Create(ctx, r.Path, r.Data)
		return timeless(s, err)
	case "delete":
		return timeless(volery.Stat{}, c.Delete(ctx, r.Path, r.Version))
	case "exists":
		s, ok, err := c.Exists(ctx, r.Path)
		return timeless(s, err, ok)
	case "getChildren":
		names, s, err := c.GetChildren(ctx, r.Path)
		return timeless(s, err, fmt.Sprintf("%q", names))
	case "getData":
		data, s, err := c.GetData(ctx, r.Path)
		return timeless(s, err, fmt.Sprintf("%q", data))
	}
	s, err := c.SetData(ctx, r.Path, r.Data, r.Version)
	return timeless(s, err)
}

func onModel(tree *model.Tree, zxid int64, r model.Request) string {
	switch r.Command {
	case "create":
		s, err := tree.Create(zxid, r.Path, r.Data)
		return timeless(s, err)
	case "delete":
		return timeless(volery.Stat{}, tree.Delete(zxid, r.Path, r.Version))
	case "exists":
		s, ok, err := tree.Exists(r.Path)
		return timeless(s, err, ok)
	case "getChildren":
		names, s, err := tree.GetChildren(r.Path)
		return timeless(s, err, fmt.Sprintf("%q", names))
	case "getData":
		data, s, err := tree.GetData(r.Path)
		return timeless(s, err, fmt.Sprintf("%q", data))
	}
	s, err := tree.SetData(zxid, r.Path, r.Data, r.Version)
	return timeless(s, err)
}

// timeless is a reply with zxids replaced by how they compare.
func timeless(s volery.Stat, err error, more ...any) string {
	if err != nil {
		for errors.Unwrap(err) != nil {
			err = errors.Unwrap(err)
		}
		return err.Error()
	}
	return fmt.Sprint(s.Mzxid > s.Czxid, s.Pzxid > s.Czxid, s.Mzxid > s.Pzxid,
		s.Ctime == s.Czxid/1000, s.Mtime == s.Mzxid/1000,
		s.Version, s.Cversion, s.DataLength, s.NumChildren, more)
}
