package hashiraft

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// stores are what a node keeps its state in.
type stores struct {
	log       raft.LogStore
	stable    raft.StableStore
	snapshots raft.SnapshotStore
	close     func() error // or nil
}

// What is replicated is read from a cache of recent entries of this size, and not
// from the disk: it doubles the throughput.
const (
	cached      = 16 << 10
	cachedBytes = 64 << 20
)

// open makes a node's stores: in memory or, in durable cases, raft-wal for both
// log and stable state, behind the library's cache as in Consul. Its segments
// are preallocated, 64 MiB by default.
func (s *System) open(id raft.ServerID, quiet hclog.Logger) (stores, error) {
	if s.c.Dir == "" {
		return stores{raft.NewInmemStore(), raft.NewInmemStore(), raft.NewInmemSnapshotStore(), nil}, nil
	}
	dir := filepath.Join(s.c.Dir, "node"+string(id))
	if err := os.MkdirAll(filepath.Join(dir, "wal"), 0o755); err != nil {
		return stores{}, err
	}
	log, err := wal.Open(filepath.Join(dir, "wal"), wal.WithLogger(quiet))
	if err != nil {
		return stores{}, err
	}
	snaps, err := raft.NewFileSnapshotStoreWithLogger(dir, 1, quiet)
	if err != nil {
		return stores{}, errors.Join(err, log.Close())
	}
	recent, err := raft.NewLogCache(max(min(cached, cachedBytes/max(s.c.Size, 1)), 1), log)
	if err != nil {
		return stores{}, errors.Join(err, log.Close())
	}
	return stores{recent, log, snaps, log.Close}, nil
}
