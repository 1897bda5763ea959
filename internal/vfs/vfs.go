// Package vfs is the little of a file system that a journal needs, so that the
// same journal runs on a disk (OS) and on a simulated one (Mem) that loses
// power, tears writes, flips bits and fails where a test wants it to.
//
// Names are relative, with forward slashes, and valid as of io/fs.ValidPath;
// nothing outside the root can be reached. A file system and its files may be
// used by several goroutines at once.
package vfs

import (
	"errors"
	"io"
	"io/fs"
)

var (
	// ErrLocked: somebody else holds the lock.
	ErrLocked = errors.New("locked by another process")
	// ErrFull: the disk has no room left.
	ErrFull = errors.New("disk is full")
)

// FS is a file system below one root. What an operation did to a directory is
// durable only after SyncDir of that directory, unless said otherwise.
type FS interface {
	// Create makes a new, empty file; the error wraps fs.ErrExist if there is one.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing; the error wraps
	// fs.ErrNotExist if there is none.
	Open(name string) (File, error)
	Remove(name string) error
	// Rename gives a file another name, replacing the file of that name.
	// After a power cut either both names changed or neither.
	Rename(from, to string) error
	// List returns the names in a directory, sorted.
	List(dir string) ([]string, error)
	// MkdirAll makes a directory and those above it, durably.
	MkdirAll(dir string) error
	// SyncDir makes creates, renames and removes in a directory durable.
	SyncDir(dir string) error
	// Free is the number of bytes that may still be written.
	Free(dir string) (uint64, error)
	// Lock takes an exclusive lock that ends with Close or with the process,
	// creating the file when there is none. Somebody else's lock is ErrLocked.
	Lock(name string) (io.Closer, error)
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes all that was written durable, and the size. If it fails,
	// what was written since the last Sync may be lost though it can be read,
	// and a later Sync may succeed without it: never retry.
	Sync() error
	// Allocate makes the file at least size bytes long and takes room for
	// them, zero filled, so that later writes within need none.
	Allocate(size int64) error
	Truncate(size int64) error
	Size() (int64, error)
}

func check(op, name string) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return nil
}
