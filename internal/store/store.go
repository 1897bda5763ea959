// Package store keeps a process's checkpoints: the newest two, each of them a
// set of items that shares with its predecessor what has not changed. What is
// in it can be fetched again from another replica; that it is what was written
// is proved by the checkpoint's Sum whenever it is loaded, not by the database
// below (page "durability" of docs/architecture.md).
package store

import (
	"encoding/binary"
	"errors"

	"github.com/cespare/xxhash/v2"
)

// Errors. Any other error of a Store means that the disk failed: the process
// must end, and a later one find out what is there.
var (
	// ErrDamaged: a checkpoint is not what was written.
	ErrDamaged = errors.New("store: damaged checkpoint")
	// ErrFull: there is no room for a checkpoint, which has been given up.
	ErrFull = errors.New("store: disk full")
	// ErrGone: the checkpoint is not, or no longer, kept.
	ErrGone = errors.New("store: no such checkpoint")
	// ErrTooLarge: an item's key is too long for the database.
	ErrTooLarge = errors.New("store: key too long")
)

// Item is a piece of a checkpoint. Keys are unique and not empty.
type Item struct {
	Key, Value []byte
	// Gone: there is no such item any more.
	Gone bool
}

// Sum proves a set of items.
type Sum struct {
	Count uint64
	// Hash is the sum, modulo 2^64, of the items' hashes.
	Hash uint64
}

// Add adds an item to the set.
func (s *Sum) Add(key, value []byte) {
	s.Count++
	s.Hash += hash(key, value)
}

// hash is xxhash64 of the key's length as 32 bits, little endian, the key, and
// the value.
func hash(key, value []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], uint32(len(key)))
	d.Write(n[:])
	d.Write(key)
	d.Write(value)
	return d.Sum64()
}

// Checkpoint describes a checkpoint that is durable.
type Checkpoint struct {
	Number uint64
	// Sum is of all items.
	Sum Sum
	// Manifest is whatever the writer wanted to have kept with it.
	Manifest []byte
}

// Store is a process's checkpoints. Methods may be called concurrently, but
// there is one Writer at a time.
type Store interface {
	// Newest are the checkpoints kept, newest first.
	Newest() []Checkpoint
	// Begin starts a checkpoint with a number above all others'. It holds what
	// the newest holds, with the changes that are added; if whole, or the
	// first, only what is added.
	Begin(number uint64, whole bool) (Writer, error)
	// Read returns items of a checkpoint with keys above after, ascending, at
	// least one and otherwise about so many bytes of them; none at the end.
	Read(number uint64, after []byte, bytes int) ([]Item, error)
	// Load visits all items by ascending keys, some at a time, which it may
	// use again, and proves their Sum. The visited items are proved only once
	// Load has returned no error.
	Load(number uint64, visit func([]Item) error) error
	// Pin has a checkpoint stay readable although newer ones come, in place of
	// the one pinned before; zero: none.
	Pin(number uint64) error
	Close() error
}

// Writer writes a checkpoint. It ends with Commit or Abort; after an error of
// Add or Commit, Abort is still to be called.
type Writer interface {
	// Add adds changes. The items are the caller's again when it returns.
	Add(items []Item) error
	// Commit makes the checkpoint durable and the newest. It keeps the one
	// before too, unless this one is whole.
	Commit(sum Sum, manifest []byte) error
	// Abort gives the checkpoint up. After Commit it does nothing.
	Abort()
}
