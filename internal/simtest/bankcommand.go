package simtest

import (
	"github.com/eyrie-dev/eyrie/partition"
)

// bankCommand is one command of the bank: what it touches and what it does.
type bankCommand struct {
	name string
	// touch lists its access; hint: it is AtLeast.
	touch func(a bankArg) []partition.Item
	hint  bool
	reads bool // ReadOnly
	run   func(tx partition.Tx, a bankArg) ([]byte, error)
}

func (c bankCommand) spec() partition.CommandSpec {
	return partition.CommandSpec{
		Name:     c.name,
		ReadOnly: c.reads,
		Access: func(arg []byte) (partition.Access, error) {
			a, err := decodeBankArg(arg)
			if err != nil {
				return partition.Access{}, err
			}
			return partition.Access{Exact: !c.hint, Items: c.touch(a)}, nil
		},
		Run: func(tx partition.Tx, arg []byte) ([]byte, error) {
			a, err := decodeBankArg(arg)
			if err != nil {
				return nil, err
			}
			return c.run(tx, a)
		},
	}
}

func reads(k partition.Key) partition.Item  { return partition.Item{Key: k} }
func writes(k partition.Key) partition.Item { return partition.Item{Key: k, Write: true} }

func allOf(key func(uint16) partition.Key, item func(partition.Key) partition.Item) func(bankArg) []partition.Item {
	return func(a bankArg) []partition.Item {
		var items []partition.Item
		for _, k := range a.Keys {
			items = append(items, item(key(k)))
		}
		return items
	}
}

// updates declares nothing but an operation.
func updates(op uint16) func(partition.Key) partition.Item {
	return func(k partition.Key) partition.Item {
		return partition.Item{Key: k, Write: true, Blind: true, Op: op}
	}
}

var (
	readAccounts  = allOf(account, reads)
	writeAccounts = allOf(account, writes)
)

func get(tx partition.Tx, k partition.Key) int64 {
	v, _ := tx.Get(k)
	return number(v)
}

func put(tx partition.Tx, k partition.Key, n int64) { tx.Put(k, bytesOf(n)) }

func sumRange(a bankArg) partition.Range {
	return partition.Range{Collection: accounts, Lo: name('a', a.Keys[0]), Hi: name('a', a.Keys[0]+a.M)}
}

func leafAccess(write bool) func(bankArg) []partition.Item {
	return func(a bankArg) (items []partition.Item) {
		for _, g := range a.Keys {
			r := drawerRange(g)
			items = append(items, partition.Item{Range: &r, Write: write})
		}
		return items
	}
}
