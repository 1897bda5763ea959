package simtest

import (
	"github.com/eyrie-dev/eyrie/partition"
)

// Indices of the bank's commands.
const (
	cmdRead uint16 = iota
	cmdWrite
	cmdSwap
	cmdTransfer
	cmdAdd
	cmdAddAndRead
	cmdAppend
	cmdPush
	cmdFollow
	cmdSetRef
	cmdSetSetting
	cmdReadSetting
	cmdByForm
	cmdSum
	cmdFile
	cmdDrop
	cmdLeaf
	cmdRaise
	cmdFail
	cmdPanic
	cmdStray
	cmdFragile
	cmdClock
	cmdDelete
	cmdSpin
	cmdTune
	cmdPeek
	cmdMeddle
	cmdGive // from here on they come in the place of others
	cmdKeep
	cmdLook
	nBankCommands

	nMixed = cmdGive
)

// spinAbove is how many accesses cmdSpin makes when it means to exceed the
// budget, and spinBudget the budget that shapes give it.
const (
	spinBudget = 400
	spinAbove  = 1000
)

var bankCommands = [nBankCommands]bankCommand{
	cmdRead: {name: "read", reads: true, touch: readAccounts, run: func(tx partition.Tx, a bankArg) (out []byte, _ error) {
		for _, k := range a.Keys {
			v, ok := tx.Get(account(k))
			out = append(out, v...)
			if !ok {
				out = append(out, '-')
			}
		}
		return out, nil
	}},
	cmdWrite: {name: "write", touch: writeAccounts, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		for i, k := range a.Keys {
			put(tx, account(k), a.N+int64(i))
		}
		return nil, nil
	}},
	cmdSwap: {name: "swap", touch: writeAccounts, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		v, _ := tx.Get(account(a.Keys[0]))
		put(tx, account(a.Keys[0]), a.N)
		return append([]byte(nil), v...), nil
	}},
	cmdTransfer: {name: "transfer", touch: writeAccounts, run: transfer},
	cmdAdd: {name: "add", touch: writeAccounts, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		for _, k := range a.Keys {
			tx.Update(account(k), opAdd, bytesOf(a.N))
		}
		return nil, nil
	}},
	cmdAddAndRead: {name: "add-and-read", touch: writeAccounts, run: func(tx partition.Tx, a bankArg) (out []byte, _ error) {
		for _, k := range a.Keys {
			tx.Update(account(k), opAdd, bytesOf(a.N))
		}
		tx.Update(account(a.Keys[0]), opAdd, bytesOf(1))
		return bytesOf(get(tx, account(a.Keys[0]))), nil
	}},
	cmdAppend: {name: "append", touch: allOf(list, writes), run: func(tx partition.Tx, a bankArg) (out []byte, _ error) {
		for _, k := range a.Keys {
			v, _ := tx.Get(list(k))
			v = appendToken(v, bytesOf(a.N))
			tx.Put(list(k), v)
			out = append(out, summary(v)...)
		}
		return out, nil
	}},
	cmdPush: {name: "push", touch: allOf(list, writes), run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		updateEach(tx, list, opToken, a)
		return nil, nil
	}},
	cmdFollow: {name: "follow", hint: true, touch: allOf(ref, reads), run: func(tx partition.Tx, a bankArg) (out []byte, _ error) {
		for _, k := range a.Keys {
			to := account(uint16(get(tx, ref(k))))
			n := get(tx, to) + a.N
			put(tx, to, n)
			out = append(out, bytesOf(n)...)
		}
		return out, nil
	}},
	cmdSetRef: {name: "set-ref", touch: allOf(ref, writes), run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		for i, k := range a.Keys {
			put(tx, ref(k), int64(a.M)+int64(i))
		}
		return nil, nil
	}},
	cmdSetSetting: {name: "set-setting", touch: allOf(setting, writes), run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		old := get(tx, setting(a.Keys[0]))
		put(tx, setting(a.Keys[0]), a.N)
		return bytesOf(old), nil
	}},
	cmdReadSetting: {name: "read-setting", reads: true, touch: allOf(setting, reads), run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		return bytesOf(get(tx, setting(a.Keys[0]))), nil
	}},
	// by-form names nothing in advance: what it touches depends on a setting.
	cmdByForm: {name: "by-form", hint: true,
		touch: func(bankArg) []partition.Item { return nil },
		run: func(tx partition.Tx, a bankArg) ([]byte, error) {
			to := account(uint16(get(tx, setting(a.Keys[0]))+int64(a.M)) % 16)
			n := get(tx, to) + a.N
			put(tx, to, n)
			return bytesOf(n), nil
		}},
	cmdSum: {name: "sum", reads: true, touch: func(a bankArg) []partition.Item {
		r := sumRange(a)
		return []partition.Item{{Range: &r}}
	}, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		var count, sum int64
		tx.Range(sumRange(a), func(_ string, v []byte) bool {
			count++
			sum += number(v)
			return count < 40
		})
		return append(bytesOf(count), bytesOf(sum)...), nil
	}},
	cmdFile: {name: "file", touch: func(a bankArg) []partition.Item {
		return []partition.Item{writes(drawer(a.Keys[0], a.M))}
	}, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		old, ok := tx.Get(drawer(a.Keys[0], a.M))
		put(tx, drawer(a.Keys[0], a.M), a.N)
		if !ok {
			return nil, nil
		}
		return append([]byte(nil), old...), nil
	}},
	cmdDrop: {name: "drop", touch: func(a bankArg) (items []partition.Item) {
		for _, g := range a.Keys {
			items = append(items, writes(drawer(g, a.M)))
		}
		return items
	}, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		for _, g := range a.Keys {
			tx.Delete(drawer(g, a.M))
		}
		return nil, nil
	}},
	cmdLeaf: {name: "leaf", reads: true, touch: leafAccess(false), run: func(tx partition.Tx, a bankArg) (out []byte, _ error) {
		for _, g := range a.Keys {
			tx.Range(drawerRange(g), func(name string, v []byte) bool {
				out = append(append(out, name...), v...)
				return len(out) < 200
			})
		}
		return summary(out), nil
	}},
	cmdRaise: {name: "raise", touch: leafAccess(true), run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		n := int64(0)
		for _, g := range a.Keys {
			tx.Range(drawerRange(g), func(name string, v []byte) bool {
				n++
				put(tx, partition.Key{Collection: drawers, Name: name}, number(v)+a.N)
				return true
			})
		}
		return bytesOf(n), nil
	}},
	cmdFail: {name: "fail", touch: writeAccounts, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		for _, k := range a.Keys {
			put(tx, account(k), -1)
		}
		if a.N%2 == 0 {
			return nil, errNever
		}
		return nil, partition.Fail("bank.odd", name('a', a.Keys[0]))
	}},
	cmdPanic: {name: "panic", touch: writeAccounts, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		n := int64(0)
		for _, k := range a.Keys {
			n += get(tx, account(k))
			put(tx, account(k), n)
		}
		if n%2 == 0 {
			panic("an even sum")
		}
		return bytesOf(n), nil
	}},
	// stray promises its first account and sometimes reads the others [E1].
	cmdStray: {name: "stray", touch: func(a bankArg) []partition.Item {
		return []partition.Item{writes(account(a.Keys[0]))}
	}, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		n := get(tx, account(a.Keys[0]))
		put(tx, account(a.Keys[0]), n+1)
		if n%2 == 0 {
			for _, k := range a.Keys[1:] {
				n += get(tx, account(k))
			}
		}
		return bytesOf(n), nil
	}},
	cmdFragile: {name: "fragile", touch: writeAccounts, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		for _, k := range a.Keys {
			tx.Update(account(k), opFragile, bytesOf(a.N))
		}
		return bytesOf(get(tx, account(a.Keys[0]))), nil
	}},
	cmdClock: {name: "clock", touch: writeAccounts, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		now := int64(tx.Now())
		for _, k := range a.Keys {
			put(tx, account(k), now)
		}
		return bytesOf(now), nil
	}},
	cmdDelete: {name: "delete", touch: writeAccounts, run: func(tx partition.Tx, a bankArg) (out []byte, _ error) {
		for _, k := range a.Keys {
			if _, ok := tx.Get(account(k)); ok {
				out = append(out, 1)
			} else {
				out = append(out, 0)
			}
			tx.Delete(account(k))
		}
		return out, nil
	}},
	// tune does not say that it writes a setting, which is everywhere [E5].
	cmdTune: {name: "tune", hint: true, touch: readAccounts, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		n := get(tx, account(a.Keys[0]))
		put(tx, setting(a.M), n)
		return bytesOf(n), nil
	}},
	// peek follows a reference, and so may need a partition that it does not
	// name: as a read it is then ordered after all.
	cmdPeek: {name: "peek", reads: true, hint: true, touch: allOf(ref, reads), run: func(tx partition.Tx, a bankArg) (out []byte, _ error) {
		for _, k := range a.Keys {
			out = append(out, bytesOf(get(tx, account(uint16(get(tx, ref(k))))))...)
		}
		return out, nil
	}},
	// meddle says that it only reads, and at times it lies.
	cmdMeddle: {name: "meddle", reads: true, hint: true, touch: readAccounts, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		n := get(tx, account(a.Keys[0]))
		if n%2 == 0 {
			put(tx, account(a.Keys[0]), n+1)
		}
		return bytesOf(n), nil
	}},
	cmdGive: {name: "give", touch: allOf(account, updates(opAdd)), run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		updateEach(tx, account, opAdd, a)
		return nil, nil
	}},
	cmdKeep: {name: "keep", touch: func(a bankArg) []partition.Item {
		return append(allOf(box, updates(opKeep))(a), reads(account(a.Keys[0])))
	}, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		n := get(tx, account(a.Keys[0]))
		updateEach(tx, box, opKeep, a)
		return bytesOf(n), nil
	}},
	cmdLook: {name: "look", reads: true, touch: allOf(box, reads), run: func(tx partition.Tx, a bankArg) (out []byte, _ error) {
		for _, k := range a.Keys {
			v, _ := tx.Get(box(k))
			out = append(out, v...)
		}
		return out, nil
	}},
	cmdSpin: {name: "spin", touch: writeAccounts, run: func(tx partition.Tx, a bankArg) ([]byte, error) {
		n := int64(0)
		for range a.M {
			for _, k := range a.Keys {
				n += get(tx, account(k))
			}
		}
		put(tx, account(a.Keys[0]), n)
		return bytesOf(n), nil
	}},
}

// updateEach updates all of a command's variables, the others as the first.
func updateEach(tx partition.Tx, of func(uint16) partition.Key, op uint16, a bankArg) {
	for i, k := range a.Keys {
		if i == 0 {
			tx.Update(of(k), op, bytesOf(a.N))
		} else {
			tx.Again(of(k))
		}
	}
}

// transfer takes N from the first account and gives it to the others.
func transfer(tx partition.Tx, a bankArg) ([]byte, error) {
	from := get(tx, account(a.Keys[0]))
	if from < a.N-100 {
		return nil, errFunds
	}
	left := a.N
	out := bytesOf(from - a.N)
	put(tx, account(a.Keys[0]), from-a.N)
	for i, k := range a.Keys[1:] {
		part := left
		if i < len(a.Keys)-2 {
			part = left / 2
		}
		left -= part
		n := get(tx, account(k)) + part
		put(tx, account(k), n)
		out = append(out, bytesOf(n)...)
	}
	return out, nil
}
