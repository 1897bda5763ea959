package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
)

// A directory is resumed, used anew, or refused, by what is in it: nobody's file is
// lost, and no cluster begins anew under the identity of one that has a state elsewhere.
func TestUpLooksFirst(t *testing.T) {
	file := func(kept string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			f, err := newFile(1, 1, []string{"127.0.0.1:7411"}, optimistic.Full)
			if err != nil {
				t.Fatal(err)
			}
			f.Kept = kept
			if err := f.Save(filepath.Join(dir, cluster.DefaultName)); err != nil {
				t.Fatal(err)
			}
		}
	}
	data := func(names ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			for _, name := range append(names, ".") {
				if err := os.MkdirAll(filepath.Join(dir, dataName, name), 0o700); err != nil {
					t.Fatal(err)
				}
				if name == "." {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, dataName, name, "identity"), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	precious := func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, cluster.DefaultName), []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		name   string
		there  []func(t *testing.T, dir string)
		code   int
		says   string
		beside int // files beside the new one
	}{
		{name: "nothing"},
		{name: "a cluster in memory", there: []func(*testing.T, string){file(cluster.InMemory)}},
		{name: "a file that is none", there: []func(*testing.T, string){precious}, beside: 1},
		{name: "a cluster of init's", there: []func(*testing.T, string){file("")}, beside: 1},
		{name: "a cluster without its data", there: []func(*testing.T, string){file(cluster.OnDisk)}, code: exitRefused, says: "mounted"},
		{name: "a cluster with empty data", there: []func(*testing.T, string){file(cluster.OnDisk), data()}, code: exitRefused, says: "mounted"},
		{name: "a cluster that was not up yet", there: []func(*testing.T, string){file(""), data()}},
		{name: "a cluster with its data", there: []func(*testing.T, string){file(cluster.OnDisk), data("1")}},
		{name: "a cluster of eyrie node's", there: []func(*testing.T, string){file(""), data("1-4")}, code: exitRefused, says: "1-4"},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, put := range x.there {
				put(t, dir)
			}
			u := upFlags{partitions: 1, replicas: 1, dir: dir, given: map[string]bool{}}
			f, listeners, code, err := u.cluster(env{stderr: io.Discard}, filepath.Join(dir, cluster.DefaultName))
			closeAll(listeners)
			if code != x.code || (err != nil) != (x.code != 0) || err != nil && !strings.Contains(err.Error(), x.says) || (f == nil) != (x.code != 0) {
				t.Errorf("code %d, not %d: %v", code, x.code, err)
			}
			if aside, _ := filepath.Glob(filepath.Join(dir, cluster.DefaultName+".*")); len(aside) != x.beside {
				t.Errorf("put aside: %v", aside)
			}
		})
	}
}

func TestUpListensSomewhere(t *testing.T) {
	u := upFlags{partitions: 1, replicas: 1, web: webOff, listen: ":7411"}
	if err := u.check(); err == nil || !strings.Contains(err.Error(), "127.0.0.1:7411") {
		t.Error(err)
	}
}

// Who asks for the page too early hears so.
func TestNotReady(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	stop := notReady(ln)
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET /api/v1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(r.Body); r.StatusCode != 503 || err != nil || !strings.Contains(string(body), "no-status") {
		t.Errorf("%s: %s, %v", r.Status, body, err)
	}
	stop()
	go func() {
		if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
			c.Close()
		}
	}()
	if c, err := ln.Accept(); err != nil {
		t.Errorf("nobody can listen afterwards: %v", err)
	} else {
		c.Close()
	}
}

func TestQuoted(t *testing.T) {
	for arg, want := range map[string]string{
		"a/b-c.json": "a/b-c.json", "a b": "'a b'", "": "''", "it's": `'it'\''s'`, "$x": "'$x'", "größe": "größe",
	} {
		if got := quoted(arg); got != want {
			t.Errorf("%q: %s, not %s", arg, got, want)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestKeeperKeeps(t *testing.T) {
	k := &keeper{w: fullDisk{}}
	printJSON(k, 1)
	if k.err == nil {
		t.Error("an error of writing was lost")
	}
}

func TestUpgradeFromAnother(t *testing.T) {
	all := []processStatus{{Process: 1, Reachable: true, Status: &node.Status{
		Service: &node.ServiceStatus{Name: "x"}, Replica: partition.Status{Version: 1, Carried: 2},
	}}}
	u := partition.Upgrade{From: 7}
	if _, err := checkCarried(all, &u); !errors.Is(err, partition.ErrVersion) || !strings.Contains(err.Error(), "version 1 is, not 7") {
		t.Error(err)
	}
	u = partition.Upgrade{}
	if _, err := checkCarried(all, &u); err != nil || u.From != 1 || u.To != 2 {
		t.Error(u, err)
	}
}
