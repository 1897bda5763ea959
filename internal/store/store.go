// Package store keeps a process's checkpoints: the newest two, as a rule, each a
// set of items that shares with its predecessor what has not changed. What is
// in it can be fetched again from another replica; that it is what was written
// is proved by the checkpoint's Sum whenever it is loaded, not by the database
// below (page "durability" of docs/architecture.md).
package store

import (
	"errors"

	"github.com/eyrie-dev/eyrie/partition"
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

// Item is a piece of a checkpoint, and Sum what proves a set of them.
type (
	Item = partition.StateItem
	Sum  = partition.Sum
)

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
	// Receive is Begin of a whole checkpoint whose items come by ascending keys,
	// as Read gives them: that is cheaper. Changes in any order may follow.
	Receive(number uint64) (Writer, error)
	// Read returns items of a checkpoint with keys above after, ascending,
	// about so many bytes of them but at least one, and whether they are the
	// last. They are the caller's, whatever becomes of the checkpoint.
	Read(number uint64, after []byte, bytes int) (items []Item, end bool, err error)
	// Changes is Read of what the checkpoint has otherwise than another that is
	// kept: its items, and those that it has no more, as gone. Some may be as
	// they were.
	Changes(number, base uint64, after []byte, bytes int) (items []Item, end bool, err error)
	// Load visits all items by ascending keys, some at a time, in a slice that
	// it uses again (but for keys and values), and proves their Sum. What was visited is proved only once
	// Load has returned no error.
	Load(number uint64, visit func([]Item) error) error
	Close() error
}

// Writer writes a checkpoint. It ends with Commit or Abort; after an error of
// Add or Commit, Abort is still to be called.
type Writer interface {
	// Add adds changes. The items are the caller's again when it returns.
	Add(items []Item) error
	// Commit makes the checkpoint durable and the newest. Those with numbers
	// below oldest are kept no more, nor, if this one is whole, any other.
	Commit(sum Sum, manifest []byte, oldest uint64) error
	// Abort gives the checkpoint up. After Commit it does nothing.
	Abort()
}
