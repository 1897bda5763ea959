package zookeeper

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
)

// A real ensemble does what a case asks, in memory and on disk, and leaves
// nothing behind.
func TestEnsemble(t *testing.T) {
	if err := Installed(); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("starts Java machines")
	}
	all := New()
	who := all.Contender()
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "turn")} {
		c := bench.Case{Partitions: 1, Replicas: 3, Size: 100, Outstanding: 4, Command: bench.GetData, Dir: dir}
		servers := who.Servers(c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := servers.Start(ctx); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(address{Addrs: servers.(*ensemble).addrs})
		if err != nil {
			t.Fatal(err)
		}
		sys, err := who.Client(c, raw, servers.CPU)
		if err != nil {
			t.Fatal(err)
		}
		if err := sys.Start(ctx); err != nil {
			t.Fatal(err)
		}
		do := sys.(bench.Doer)
		for _, op := range []bench.Op{{Key: 1}, {Multi: true}, {Multi: true}, {Multi: true}} {
			op.Value = make([]byte, c.Size)
			if err := do.Do(op); err != nil {
				t.Errorf("%+v: %v", op, err)
			}
		}
		if sys.CPU() <= 0 {
			t.Error("servers use no processor time")
		}
		folder := servers.(*ensemble).folder
		if disk := dir != ""; disk == strings.HasPrefix(folder, memory) {
			t.Errorf("on disk %v: the servers' folder is %s", disk, folder)
		}
		t.Cleanup(func() {
			if _, err := os.Stat(folder); err == nil {
				t.Errorf("%s is left behind", folder)
			}
		})
		if err := sys.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := all.Close(); err != nil {
		t.Error(err)
	}
}
