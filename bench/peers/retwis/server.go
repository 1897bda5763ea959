package retwis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
)

// ErrNotInstalled says what is missing.
var ErrNotInstalled = errors.New("not installed (apt-get install redis-server)")

const program = "redis-server"

// Installed is nil if a server can be started here.
func Installed() error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%w: there is no %s", ErrNotInstalled, program)
	}
	return nil
}

// Version is that of the server, for people.
func Version() string {
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return ""
	}
	words, _, _ := strings.Cut(strings.TrimSpace(string(out)), " sha=")
	return words
}

// Contenders are Retwis in its ways, on servers that the keeper keeps.
func Contenders(k *bench.Keeper) (all []bench.Apart) {
	for _, w := range ways {
		all = append(all, bench.Apart{
			System: "retwis", Variant: w.name,
			Servers: func(c bench.Case) bench.Servers {
				return k.Servers(fmt.Sprintf("retwis %s %v %s %d", w.name, c.Delay, c.Graph, c.Size), func() bench.Servers { return &server{delay: c.Delay} })
			},
			Client: w.client,
			Can:    func(c bench.Case) bool { return c.Partitions == 1 && bench.InOrder(c.Command) },
		})
	}
	return all
}

// server is one Redis server.
type server struct {
	bench.Processes
	bench.Delays
	delay  time.Duration
	folder string
	addr   string // as clients see it
}

// options are those of a server that keeps everything in memory.
func options(folder, port string) []string {
	o := []string{
		"--bind", "127.0.0.1", "--port", port, "--dir", folder, "--daemonize", "no", "--loglevel", "warning",
		"--save", "", "--appendonly", "no",
	}
	switch n := runtime.NumCPU(); { // as redis.conf says
	case n >= 8:
		o = append(o, "--io-threads", "6")
	case n >= 4:
		o = append(o, "--io-threads", "2")
	}
	return o
}

// Start implements bench.Servers.
func (s *server) Start(ctx context.Context) (err error) {
	if s.folder, err = os.MkdirTemp("", "eyrie-redis-"); err != nil {
		return err
	}
	addrs, err := bench.FreeAddrs(1)
	if err != nil {
		return err
	}
	_, port, _ := strings.Cut(addrs[0], ":")
	if err := s.Processes.Start(program, options(s.folder, port)...); err != nil {
		return err
	}
	for {
		c, err := net.Dial("tcp", addrs[0])
		if err == nil {
			c.Close()
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(err, s.Err())
		}
	}
	s.addr, err = s.Via(addrs[0], s.delay)
	return err
}

// Address implements bench.Servers.
func (s *server) Address() any { return s.addr }

// Close implements bench.Servers.
func (s *server) Close() error {
	err := errors.Join(s.Processes.Close(), s.Delays.Close())
	if s.folder != "" {
		err = errors.Join(err, os.RemoveAll(s.folder))
	}
	return err
}
