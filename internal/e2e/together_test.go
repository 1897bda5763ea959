package e2e

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// TestTogether: three programs, each of which runs a replica of either partition
// with one journal for both, are killed with kill -9 during an import, one and
// all, and have lost nothing; one process of such a pair alone is refused.
func TestTogether(t *testing.T) {
	src := tree(t)
	p := newCluster(t, t.TempDir(), 2, 3)
	p.durable, p.together = true, true
	machines := []ids.Process{1, 2, 3}
	for _, id := range machines {
		p.start(id)
	}
	p.waitReady(30 * time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	other := probe(ctx, t, p)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if out, code := eyrie(t, nil, "volery", "import", "--cluster", p.file, src, "/src"); code != 0 {
			t.Errorf("import ended with %d: %s", code, tail(out, 1000))
		}
	}()
	for _, which := range [][]ids.Process{{1}, machines, {2}, machines} {
		other.goesOn(t, 50, 30*time.Second)
		p.killAll(which...)
		for _, id := range which {
			p.start(id)
		}
		p.waitReady(30 * time.Second)
		other.goesOn(t, 1, 30*time.Second)
	}
	<-done
	cancel()
	<-other.longest
	p.exported(src)
	p.killAll(3)
	bad{"node -q --cluster " + p.file + " --id 3 --dir " + filepath.Join(filepath.Dir(p.file), "data", "3-6"), 4, []string{"shared by several"}}.run(t, "")
	bad{"node -q --cluster " + p.file + " --id 3,5 --dir " + filepath.Join(filepath.Dir(p.file), "data", "3-6"), 4, []string{"process 6", "together"}}.run(t, "")
	p.start(3)
	p.waitReady(30 * time.Second)
	p.exported(src)
}
