package ssmr_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/eyrie-dev/eyrie/ssmr"
)

// The bank: accounts are variables, wherever they live.
var accounts = ssmr.NewCollection[string, int64]("accounts")

var ErrFunds = ssmr.NewError("funds", "not enough funds")

type Transfer struct {
	From, To string
	Sum      int64
}

var add = ssmr.NewOperation("add", func(old int64, _ bool, sum int64) int64 { return old + sum })

var deposit = ssmr.NewCommand("deposit",
	func(t Transfer) ssmr.Access { return ssmr.Exactly(accounts.Writes(t.To)) },
	func(tx ssmr.Tx, t Transfer) (struct{}, error) {
		accounts.Update(tx, t.To, add.With(t.Sum))
		return struct{}{}, nil
	})

var transfer = ssmr.NewCommand("transfer",
	func(t Transfer) ssmr.Access { return ssmr.Exactly(accounts.Writes(t.From), accounts.Writes(t.To)) },
	func(tx ssmr.Tx, t Transfer) (int64, error) {
		from, _ := accounts.Get(tx, t.From)
		if from < t.Sum {
			return 0, ErrFunds // drops all writes, and is the reply
		}
		accounts.Put(tx, t.From, from-t.Sum)
		accounts.Update(tx, t.To, add.With(t.Sum)) // applied where the account lives
		return from - t.Sum, nil
	})

var balance = ssmr.NewCommand("balance",
	func(name string) ssmr.Access { return ssmr.Exactly(accounts.Reads(name)) },
	func(tx ssmr.Tx, name string) (int64, error) {
		sum, _ := accounts.Get(tx, name)
		return sum, nil
	}, ssmr.ReadOnly()) // executed by one replica, without being ordered

var total = ssmr.NewCommand("total",
	func(struct{}) ssmr.Access { return ssmr.Exactly(accounts.ReadsAll()) },
	func(tx ssmr.Tx, _ struct{}) (sum int64, err error) {
		for _, balance := range accounts.Range(tx, accounts.All()) {
			sum += balance
		}
		return sum, nil
	})

var bank = ssmr.NewService("bank", accounts, add, ErrFunds, deposit, transfer, balance, total).
	AtVersion(1) // of its code: `eyrie upgrade` brings later ones into force

func Example() {
	ctx := context.Background()
	cluster, err := ssmr.StartLocal(ctx, bank, ssmr.Config{Partitions: 2, Replicas: 3})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	client := cluster.Client()

	deposit.Do(ctx, client, Transfer{To: "ann", Sum: 100})
	rest, err := transfer.Do(ctx, client, Transfer{From: "ann", To: "bob", Sum: 30})
	fmt.Println(rest, err)
	_, err = transfer.Do(ctx, client, Transfer{From: "ann", To: "bob", Sum: 80})
	fmt.Println(err, errors.Is(err, ErrFunds))
	fmt.Println(total.Do(ctx, client, struct{}{}))
	// Output:
	// 70 <nil>
	// not enough funds true
	// 100 <nil>
}

// A service is tested on a Machine, without a cluster.
func ExampleMachine() {
	ctx := context.Background()
	machine, err := ssmr.NewMachine(bank)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(deposit.Do(ctx, machine.Client(), Transfer{To: "ann", Sum: 100}))
	fmt.Println(balance.Do(ctx, machine.Client(), "ann"))
	// Output:
	// {} <nil>
	// 100 <nil>
}

// Commands need not wait for each other: a client has many under way.
func ExampleCommand_Go() {
	ctx := context.Background()
	cluster, err := ssmr.StartLocal(ctx, bank, ssmr.Config{Partitions: 2, Replicas: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()

	var calls []*ssmr.Call[struct{}]
	for i := range 100 {
		t := Transfer{To: fmt.Sprint("account ", i), Sum: 5}
		calls = append(calls, deposit.Go(ctx, cluster.Client(), t))
	}
	for _, call := range calls {
		if _, err := call.Result(ctx); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(total.Do(ctx, cluster.Client(), struct{}{}))
	// Output: 500 <nil>
}
