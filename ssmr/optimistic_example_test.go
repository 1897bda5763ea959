package ssmr_test

import (
	"context"
	"fmt"
	"log"

	"github.com/eyrie-dev/eyrie/ssmr"
)

// A client shows what is probable at once, and corrects it where it was wrong.
func ExampleCall_Optimistic() {
	ctx := context.Background()
	cluster, err := ssmr.StartLocal(ctx, bank, ssmr.Config{Partitions: 2, Execution: ssmr.Full})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	client := cluster.Client()
	deposit.Do(ctx, client, Transfer{To: "ann", Sum: 100})

	var screen string
	show := func(rest int64, err error) { screen = fmt.Sprint("ann has ", rest, " ", err) }
	call := transfer.Go(ctx, client, Transfer{From: "ann", To: "bob", Sum: 30}, ssmr.Optimistic())
	first, err := call.Optimistic(ctx) // whichever comes first
	if err != nil {
		log.Fatal(err)
	}
	show(first.Value, first.Err)
	if !first.Final {
		rest, err := call.Result(ctx) // the promise
		if !call.Replies().Agreed {
			show(rest, err) // what was shown was wrong
		}
	}
	fmt.Println(screen)
	// Output: ann has 70 <nil>
}
