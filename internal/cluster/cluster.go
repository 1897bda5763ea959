// Package cluster is the file that describes a cluster, eyrie.json: its name,
// its partitions with their replicas' addresses, and the times and bounds
// that all its processes and clients must share.
package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// ErrInvalid is wrapped by every complaint about a cluster's file.
var ErrInvalid = errors.New("invalid cluster file")

// Version is the format's version.
const Version = 1

// DefaultName is where commands look for the file.
const DefaultName = "eyrie.json"

// File describes a cluster. Zero tuning values mean the defaults.
type File struct {
	Version int `json:"version"`
	// Cluster is the cluster's identity: processes and clients of another are
	// refused.
	Cluster string `json:"cluster"`
	// Services that the processes run, by name.
	Services []string `json:"services,omitempty"`
	// Partitions[p] are the replicas of partition p, an odd number of them.
	Partitions [][]Member `json:"partitions"`
	// FailureTimeout after which a silent process is suspected, such as
	// "500ms".
	FailureTimeout Duration `json:"failure_timeout,omitzero"`
	// Horizon after which an unanswered command is given up: H.
	Horizon Duration `json:"horizon,omitzero"`
	// Optimistic has clients send commands straight to the replicas too, and
	// these deliver them optimistically.
	Optimistic bool `json:"optimistic,omitempty"`
	// Execution is conservative where it is not said. The other ways, baseline
	// and full, execute what is delivered optimistically, and so need Optimistic
	// without its being said.
	Execution optimistic.Mode `json:"execution,omitempty"`
	// NoCaches has values shipped to other partitions with every command that
	// reads them there, also where they have not changed.
	NoCaches bool `json:"no_caches,omitempty"`
	// Kept is where a cluster of `eyrie up` keeps its state, once it has been up: on
	// disk, beside the file, or in memory. Of other clusters it says nothing.
	Kept string `json:"kept,omitempty"`
}

// What Kept may be.
const (
	OnDisk   = "disk"
	InMemory = "memory"
)

// Member is one process.
type Member struct {
	ID   ids.Process `json:"id"`
	Addr string      `json:"addr"`
}

// Duration is a time.Duration that JSON shows as text.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Load reads and validates a file.
func Load(name string) (*File, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no cluster file %s: `eyrie up` writes one and starts the cluster, `eyrie init` writes one for processes that are started one by one; one that is elsewhere is named with --cluster: %w", name, err)
	}
	if err != nil {
		return nil, err
	}
	f, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// Parse decodes and validates a file's contents; unknown fields are errors.
func Parse(b []byte) (*File, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var f File
	switch err := dec.Decode(&f); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: there is nothing in it (%w)", ErrInvalid, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: its end is missing, so it is no whole copy (%w)", ErrInvalid, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if dec.More() {
		return nil, fmt.Errorf("%w: something follows the first JSON value", ErrInvalid)
	}
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return &f, nil
}

// Save writes the file so that a reader sees the old one or the new one.
func (f *File) Save(name string) error {
	if err := f.Validate(); err != nil {
		return err
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", name, err)
	}
	_, err = tmp.Write(append(b, '\n'))
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// Validate reports every complaint about f at once, each saying what to do.
func (f *File) Validate() error {
	var errs []error
	complain := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...))
	}
	if f.Version != Version {
		complain("version is %d; this program reads version %d", f.Version, Version)
	}
	if f.Cluster == "" {
		complain("cluster has no name; `eyrie init` draws one")
	}
	if len(f.Partitions) == 0 {
		complain("there are no partitions; list at least one")
	}
	seenID, seenAddr := map[ids.Process]int{}, map[string]ids.Process{}
	for p, members := range f.Partitions {
		if len(members)%2 == 0 {
			complain("partition %d has %d replicas; an odd number is needed (3 survive one crash)", p, len(members))
		}
		for _, m := range members {
			if m.ID == 0 {
				complain("partition %d has a process with id 0; ids start at 1", p)
			} else if q, ok := seenID[m.ID]; ok {
				complain("process id %d is used twice, in partitions %d and %d; give each process its own", m.ID, q, p)
			}
			if other, ok := seenAddr[m.Addr]; ok {
				complain("address %s is used by processes %d and %d; give each its own", m.Addr, other, m.ID)
			}
			if err := checkAddr(m.Addr); err != nil {
				complain("process %d: %v", m.ID, err)
			}
			seenID[m.ID], seenAddr[m.Addr] = p, m.ID
		}
	}
	if _, err := optimistic.ParseMode(f.Execution.String()); err != nil {
		complain("%v", err)
	}
	if f.Kept != "" && f.Kept != OnDisk && f.Kept != InMemory {
		complain("kept is %q; it is %s, %s, or left out", f.Kept, OnDisk, InMemory)
	}
	if len(errs) == 0 {
		if err := f.Ridge().Validate(); err != nil {
			complain("%v", err)
		}
	}
	return errors.Join(errs...)
}

func checkAddr(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address %q is not HOST:PORT", addr)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("address %q: the port must be 1 to 65535", addr)
	}
	if host == "" {
		return fmt.Errorf("address %q names no host; others must be able to reach it", addr)
	}
	return nil
}

// Topology is the cluster's shape for Ridge.
func (f *File) Topology() *ridge.Topology {
	replicas := make([][]ids.Process, len(f.Partitions))
	for p, members := range f.Partitions {
		for _, m := range members {
			replicas[p] = append(replicas[p], m.ID)
		}
	}
	return ridge.NewTopology(replicas)
}

// Addrs are the processes' addresses.
func (f *File) Addrs() map[ids.Process]string {
	addrs := map[ids.Process]string{}
	for _, members := range f.Partitions {
		for _, m := range members {
			addrs[m.ID] = m.Addr
		}
	}
	return addrs
}

// Ridge is Ridge's tuning.
func (f *File) Ridge() ridge.Tuning {
	t := ridge.DefaultTuning()
	if f.FailureTimeout != 0 {
		t.FailureTimeout = time.Duration(f.FailureTimeout)
		t.Heartbeat = t.FailureTimeout / 4
	}
	if f.Horizon != 0 {
		t.Horizon = time.Duration(f.Horizon)
	}
	t.Optimistic = f.Optimistic || f.Execution != optimistic.Conservative
	return t
}

// Partition is the replicas' tuning.
func (f *File) Partition() partition.Tuning {
	t := partition.DefaultTuning()
	r := f.Ridge()
	t.Horizon, t.Window = r.Horizon, r.Window
	if f.NoCaches {
		t.MaxCached = 0
	}
	return t
}
