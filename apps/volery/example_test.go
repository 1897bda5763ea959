package volery_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/ssmr"
)

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cluster, err := ssmr.StartLocal(ctx, volery.Service, ssmr.Config{Partitions: 2, Replicas: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cluster.Close()
	c := volery.NewClient(cluster.Client())

	c.Create(ctx, "/config", []byte("v1"))
	data, stat, err := c.GetData(ctx, "/config")
	fmt.Printf("%s, version %d, %v\n", data, stat.Version, err)

	// Change it only if nobody else has.
	_, err = c.SetData(ctx, "/config", []byte("v2"), stat.Version)
	fmt.Println(err)
	_, err = c.SetData(ctx, "/config", []byte("v3"), stat.Version)
	fmt.Println(err, errors.Is(err, volery.ErrBadVersion))

	// Many at once: send all, then wait for all.
	var calls []*volery.Call[volery.Stat]
	for i := range 10 {
		calls = append(calls, c.GoCreate(ctx, fmt.Sprintf("/config/%d", i), nil))
	}
	for _, call := range calls {
		if _, err := call.Result(ctx); err != nil {
			fmt.Println(err)
		}
	}
	names, _, _ := c.GetChildren(ctx, "/config")
	fmt.Println(names)
	// Output:
	// v1, version 0, <nil>
	// <nil>
	// setData /config: bad version true
	// [0 1 2 3 4 5 6 7 8 9]
}
