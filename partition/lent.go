package partition

import (
	"encoding/binary"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Lent is memory for a command's access and code, to be used again when they
// are used no more. All of it may be nil.
type Lent struct {
	// Items, which are none yet, are there to be appended to.
	Items []Item
	// Code is of an earlier call of the same Prepare.
	Code Code
	// names are those of the variables that there are.
	names *state
	// by is who asks, if items may be left out, for a command of these destinations.
	by    *Replica
	dests ids.Set
	// fetched has no meaning: see Find and Updates.
	fetched byte
}

// Leaves says whether Elsewhere may say yes: here, for this command.
func (l *Lent) Leaves() bool { return l.by != nil }

// Elsewhere says whether only other partitions hold a variable, all of them
// destinations of the command. If that does nothing to it but Update it, it is
// nothing to this partition, and its item may be left out of an access (and has to
// be counted there) that is exact and has, besides updates, no ranges, nothing of
// the same variable, and a few items at most. The code must then be told apart from
// one that updates what it has not declared: it calls Pass in place of Update.
func (l *Lent) Elsewhere(collection uint16, name []byte) bool {
	if l.by == nil || len(name) > MaxName {
		return false
	}
	owners := l.by.ownersOf(collection, name)
	return !owners.Has(l.by.config.Partition) && l.dests.Covers(owners)
}

// Find fills in the key of an item whose name is in a buffer, if there is such a
// variable here; else the name is still to be filled in.
func (l *Lent) Find(it *Item, collection uint16, name []byte) bool {
	it.Key.Collection = collection
	if l.names != nil && int(collection) < len(l.names.collections) {
		if v := l.names.findBytes(collection, name); v != nil {
			it.found, it.Key.Name = v, v.name
			if len(v.value) > 0 {
				l.fetched += v.value[0] // is on its way from memory while the rest is prepared
			}
			return true
		}
	}
	return false
}

// Updates appends items of variables that are only updated, by one operation, and
// are named by words: names of eight bytes, as big-endian numbers. Where left is not
// nil, items that Elsewhere lets be left out are not appended: they get their bits in
// left, of which all have been zero. count is how many they are.
func (l *Lent) Updates(items []Item, collection, op uint16, words, left []uint64) (_ []Item, count int) {
	var there map[uint64]*variable
	if l.names != nil && int(collection) < len(l.names.collections) {
		there = l.names.collections[collection].words
	}
	var owners []ids.Partition
	var self ids.Partition
	var all, mine bool // the destinations are all partitions, this is one of them
	if left != nil && l.by != nil {
		owners, self = l.by.ownerEach(collection, words), l.by.config.Partition
		all, mine = len(l.dests) == len(l.by.config.Replicas), l.dests.Has(self)
	}
	from, unnamed := len(items), 0
	for i, w := range words {
		it := Item{Key: Key{Collection: collection}, Write: true, Blind: true, Op: op}
		switch {
		case left == nil:
		case owners == nil && l.elsewhere(collection, w),
			owners != nil && owners[i] != self && (all || l.dests.Has(owners[i])):
			left[i>>6] |= 1 << (i & 63)
			count++
			continue
		default:
			it.here = mine && owners != nil && owners[i] == self
		}
		it.found = there[w]
		items = append(items, it)
	}
	// What is to come from memory comes for all at a time: variables, and their names,
	// which are about to be hashed.
	for i := from; i < len(items); i++ {
		if v := items[i].found; v != nil {
			items[i].Key.Name = v.name
			l.fetched += v.name[0]
		} else {
			unnamed++
		}
	}
	if unnamed > 0 {
		name(items[from:], words, left, unnamed)
	}
	return items, count
}

func (l *Lent) elsewhere(collection uint16, word uint64) bool {
	var name [8]byte
	binary.BigEndian.PutUint64(name[:], word)
	return l.Elsewhere(collection, name[:])
}

// name gives names to the items that have none: parts of one string.
func name(items []Item, words, left []uint64, unnamed int) {
	names := make([]byte, 0, 8*unnamed)
	at := 0
	for i, w := range words {
		if left != nil && left[i>>6]>>(i&63)&1 != 0 {
			continue
		}
		if items[at].Key.Name == "" {
			names = binary.BigEndian.AppendUint64(names, w)
		}
		at++
	}
	all := string(names)
	for i := range items {
		if it := &items[i]; it.Key.Name == "" {
			it.Key.Name, all = all[:8], all[8:]
		}
	}
}
