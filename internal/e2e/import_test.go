package e2e

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// tree is the directory to import: a part of the Go source, or all of it.
func tree(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("no go command to ask for GOROOT")
	}
	src := filepath.Join(string(out[:len(out)-1]), "src")
	if !long() {
		src = filepath.Join(src, "net")
	}
	if _, err := os.Stat(src); err != nil {
		t.Skipf("the Go source is not installed: %v", err)
	}
	return src
}

func TestImportAndExport(t *testing.T) {
	importTree(t, nil)
}

func TestImportSurvivesAReplicaOfEachPartition(t *testing.T) {
	importTree(t, func(p *processes) {
		coords := map[ids.Process]bool{}
		for _, e := range []ids.Ensemble{0, 1, ids.All} {
			coords[p.leader(e)] = true
		}
		for _, members := range p.desc.Partitions {
			for _, m := range members {
				if !coords[m.ID] {
					p.kill(m.ID)
					break
				}
			}
		}
	})
}

func TestImportSurvivesACoordinator(t *testing.T) {
	ensembles := map[string]ids.Ensemble{"of partition 0": 0, "of partition 1": 1, "of all": ids.All}
	if !long() {
		ensembles = map[string]ids.Ensemble{"of all": ids.All}
	}
	for name, e := range ensembles {
		t.Run(name, func(t *testing.T) {
			importTree(t, func(p *processes) { p.kill(p.leader(e)) })
		})
	}
}

// importTree imports the tree into six processes, does harm meanwhile, exports
// it, and compares. A second client meanwhile writes without pause and
// measures the longest time without an answer.
func importTree(t *testing.T, harm func(*processes)) {
	src := tree(t)
	p := startProcesses(t, 2, 3)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	other := probe(ctx, t, p)

	done := make(chan int, 1)
	began := time.Now()
	var out string
	go func() {
		o, code := eyrie(t, nil, "volery", "import", "--cluster", p.file, src, "/src")
		out = o
		done <- code
	}()
	if harm != nil {
		eventually(t, time.Minute, "the import is under way", func() bool {
			return p.status()[1].Replica.Counters.Finished > 50 || time.Since(began) > 20*time.Second
		})
		harm(p)
		before := other.acknowledged.Load()
		eventually(t, 30*time.Second, "another client goes on", func() bool {
			return other.acknowledged.Load() > before+50
		})
	}
	if code := <-done; code != 0 {
		t.Fatalf("import ended with %d: %s", code, tail(out, 1000))
	}
	t.Logf("imported in %v", time.Since(began).Round(10*time.Millisecond))
	cancel()
	if longest := <-other.longest; harm != nil {
		other.paused(t, longest, 3*failureTimeout*slowdown())
	}
	target := filepath.Join(t.TempDir(), "copy")
	if out, code := eyrie(t, nil, "volery", "export", "--cluster", p.file, "/src", target); code != 0 {
		t.Fatalf("export ended with %d: %s", code, tail(out, 1000))
	}
	if out, err := exec.Command("diff", "-r", src, target).CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
		compare(t, src, target)
	} else if err != nil {
		t.Fatalf("export differs from the source: %s", tail(string(out), 1000))
	}
}

const failureTimeout = 500 * time.Millisecond

// slowdown is more where one processor has to do for all processes.
func slowdown() time.Duration {
	if runtime.NumCPU() < 2 {
		return 2
	}
	return 1
}

// compare is diff -r for machines without it.
func compare(t *testing.T, a, b string) {
	t.Helper()
	filepath.WalkDir(a, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(a, path)
		if d.IsDir() || !d.Type().IsRegular() {
			return err
		}
		x, _ := os.ReadFile(path)
		y, err := os.ReadFile(filepath.Join(b, rel))
		if err != nil || string(x) != string(y) {
			t.Errorf("%s differs: %v", rel, err)
		}
		return nil
	})
}
