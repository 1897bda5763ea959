package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
)

// Ensembles are those of one run: one in memory, one on disk, each started when
// it is needed first. Not safe for concurrent use.
type Ensembles struct{ byStorage map[bool]*ensemble }

// New makes them, but starts none.
func New() *Ensembles { return &Ensembles{map[bool]*ensemble{}} }

// Close ends them and removes what they wrote.
func (e *Ensembles) Close() (err error) {
	for _, x := range e.byStorage {
		err = errors.Join(err, x.stop())
	}
	return err
}

// Contender is ZooKeeper in a bench. It is one cluster, whatever the number of
// partitions, so it takes part where there is one.
func (e *Ensembles) Contender() bench.Apart {
	return bench.Apart{
		System: "zookeeper", Servers: e.of, Client: newClient,
		Can: func(c bench.Case) bool { return c.Partitions == 1 },
	}
}

func (e *Ensembles) of(c bench.Case) bench.Servers {
	disk := c.Dir != ""
	if e.byStorage[disk] == nil {
		parent := memory
		if disk {
			parent = filepath.Dir(c.Dir) // what is below c.Dir goes with the turn
		}
		e.byStorage[disk] = &ensemble{parent: parent}
	}
	return e.byStorage[disk]
}

// memory is a tmpfs on every Linux.
const memory = "/dev/shm"

// ensemble is three servers, for many turns.
type ensemble struct {
	bench.Processes
	parent, folder string
	addrs          []string // for clients, the leader's first
	fresh          bool     // has served no turn yet
}

// most is how much the logs and snapshots of an ensemble may take before it is
// begun anew: it would purge them once an hour at best.
const most = 3 << 30

// Start implements bench.Servers.
func (e *ensemble) Start(ctx context.Context) error {
	if e.folder != "" && e.Err() == nil && size(e.folder) < most {
		e.fresh = false
		return nil
	}
	if err := e.stop(); err != nil {
		return err
	}
	err := e.begin(ctx)
	if err != nil {
		err = errors.Join(err, e.stop())
	}
	return err
}

func (e *ensemble) begin(ctx context.Context) (err error) {
	if e.folder, err = os.MkdirTemp(e.parent, "eyrie-zookeeper-"); err != nil {
		return err
	}
	const n = 3
	addrs, err := bench.FreeAddrs(3 * n)
	if err != nil {
		return err
	}
	for id := 1; id <= n; id++ {
		config, err := configure(e.folder, id, addrs[:n], addrs[n:2*n], addrs[2*n:])
		if err != nil {
			return err
		}
		if err := e.Processes.Start("java", java(config)...); err != nil {
			return err
		}
	}
	e.fresh = true
	e.addrs, err = e.elected(ctx, addrs[:n])
	return err
}

// elected waits until there are a leader and two followers, and returns their
// addresses, the leader's first.
func (e *ensemble) elected(ctx context.Context, addrs []string) ([]string, error) {
	for ctx.Err() == nil && e.Err() == nil {
		var in []string
		for _, addr := range addrs {
			switch mode(addr) {
			case "leader":
				in = append([]string{addr}, in...)
			case "follower":
				in = append(in, addr)
			}
		}
		if len(in) == len(addrs) {
			return in, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, fmt.Errorf("zookeeper: no leader: %w", errors.Join(e.Err(), ctx.Err()))
}

// mode is what a server calls itself. (The library's FLWSrvr does not understand
// how Debian's version names itself.)
func mode(addr string) string {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return ""
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	c.Write([]byte("srvr"))
	answer, _ := io.ReadAll(c)
	_, rest, _ := strings.Cut(string(answer), "\nMode: ")
	mode, _, _ := strings.Cut(rest, "\n")
	return mode
}

// address is what a client is told.
type address struct {
	Addrs []string
	Fresh bool
}

// Address implements bench.Servers.
func (e *ensemble) Address() any { return address{e.addrs, e.fresh} }

// Close implements bench.Servers: the next turn goes on with the ensemble.
func (e *ensemble) Close() error { return e.Err() }

func (e *ensemble) stop() error {
	err := e.Processes.Close()
	if e.folder != "" {
		err = errors.Join(err, os.RemoveAll(e.folder))
	}
	e.folder = ""
	return err
}

// size is that of all files in a folder, as far as they can be seen.
func size(folder string) (sum int64) {
	filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
