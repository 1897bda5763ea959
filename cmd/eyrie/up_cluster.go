package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/eyrie-dev/eyrie/internal/cluster"
)

// cluster is the one whose data are in the directory, or a new one, with a
// listener for each of its processes. With an error comes the exit code.
func (u *upFlags) cluster(e env, path string) (*cluster.File, []net.Listener, int, error) {
	data := filepath.Join(u.dir, dataName)
	if _, err := os.Stat(data); err == nil {
		if u.memory {
			return nil, nil, exitRefused, fmt.Errorf("%s holds the data of a cluster, which --memory would leave behind; leave it out, or give another --dir", data)
		}
		return u.resumed(path, data)
	}
	if err := roomForAll(u.partitions*u.replicas, descriptorLimit()); err != nil {
		return nil, nil, exitFailed, err
	}
	listeners, addrs, err := listenAll(u.listen, u.partitions*u.replicas)
	if err != nil {
		return nil, nil, exitFailed, err
	}
	f, err := newFile(u.partitions, u.replicas, addrs, u.execution)
	if err != nil {
		closeAll(listeners)
		return nil, nil, exitUsage, err
	}
	if err := makeWay(e, path, data); err != nil {
		closeAll(listeners)
		return nil, nil, exitRefused, err
	}
	return f, listeners, 0, nil
}

// makeWay makes way for a new cluster's file. That of a cluster whose state should be
// there stays; that of one in memory, which is gone, does not; any other is put aside.
func makeWay(e env, path, data string) error {
	f, err := cluster.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && f.Kept == cluster.InMemory:
		return nil
	case err == nil && f.Kept == cluster.OnDisk:
		return lostData(path, data)
	}
	aside, err := putAside(path)
	if err == nil {
		fmt.Fprintf(e.stderr, "eyrie: %s was there already, and is now %s\n", path, aside)
	}
	return err
}

func lostData(path, data string) error {
	return fmt.Errorf("%s is of a cluster that keeps its state in %s, and nothing of it is there: is the disk mounted?\n  Bring the directory back; or, to begin anew without that state, move %[1]s away", path, data)
}

// complete refuses to resume a cluster whose state is elsewhere, or gone: it would begin
// with nothing, under the old identity.
func (u *upFlags) complete(f *cluster.File, path, data string) error {
	some := false
	for _, members := range f.Partitions {
		for _, m := range members {
			if used(dataDir(u.dir, m)) {
				some = true
			} else if _, there := ranFrom(data, []cluster.Member{m}); there != "" {
				return fmt.Errorf("process %d has run from %s, together with others, by eyrie node; start the processes so again, or give another --dir", m.ID, there)
			}
		}
	}
	if !some && f.Kept == cluster.OnDisk {
		return lostData(path, data)
	}
	return nil
}

// resumed is the cluster whose data are there, at its addresses.
func (u *upFlags) resumed(path, data string) (*cluster.File, []net.Listener, int, error) {
	f, err := cluster.Load(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fs.ErrNotExist // what Load advises would lead back here
		}
		return nil, nil, exitRefused, fmt.Errorf("%s holds the data of a cluster, whose file, %s, cannot be read: %w\n  Bring %s back, or give another --dir", data, path, err, path)
	}
	if p, r := len(f.Partitions), len(f.Partitions[0]); u.given["partitions"] && u.partitions != p || u.given["replicas"] && u.replicas != r {
		return nil, nil, exitUsage, fmt.Errorf("%s holds a cluster of %s; leave out --partitions and --replicas, or give another --dir", u.dir, sizeOf(f))
	}
	if err := u.complete(f, path, data); err != nil {
		return nil, nil, exitRefused, err
	}
	if err := roomForAll(len(f.Addrs()), descriptorLimit()); err != nil {
		return nil, nil, exitFailed, err
	}
	if u.given["execution"] {
		f.Execution = u.execution
	}
	var listeners []net.Listener
	for _, members := range f.Partitions {
		for _, m := range members {
			ln, err := net.Listen("tcp", m.Addr)
			if err != nil {
				closeAll(listeners)
				return nil, nil, exitFailed, fmt.Errorf("process %d of the cluster in %s listens on %s: %w", m.ID, u.dir, m.Addr, err)
			}
			listeners = append(listeners, ln)
		}
	}
	if u.given["listen"] && u.listen != f.Partitions[0][0].Addr {
		closeAll(listeners)
		return nil, nil, exitUsage, fmt.Errorf("%s holds a cluster whose first process listens on %s; leave out --listen, or give another --dir", u.dir, f.Partitions[0][0].Addr)
	}
	return f, listeners, 0, nil
}
