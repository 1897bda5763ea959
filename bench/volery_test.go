package bench

import (
	"bytes"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps/volery"
)

// Real processes serve every command, for both clients, on one partition and on
// two, and say what they used and where the time went.
func TestVolery(t *testing.T) {
	points, words := runBench(t, Volery, "-json -rounds 1 -warm 50ms -outstanding 8 -storage memory -sizes 100 -partitions 1,2 -shares 0.2 -loads 1,0.5 -eyrie "+eyrieBinary(t))
	for _, pt := range points {
		if pt.Ops == 0 || pt.Errors > 0 || pt.ClientCPU <= 0 || pt.CPU <= pt.ClientCPU || pt.CDF == nil || pt.CDF[0] > pt.CDF[len(pt.CDF)-1] {
			t.Errorf("%s: %+v", pt.name(), pt)
		}
		g := pt.Stages
		if staged := pt.Command == SetData && pt.Variant == ""; staged && (g == nil || g.Multicast <= 0) {
			t.Errorf("%s: stages %+v", pt.name(), g)
		}
	}
	if want := 2 * 5; len(points) != want { // commands; zksmr and volery at two loads, the waiting client at one
		t.Errorf("%d points, want %d: %s", len(points), want, words)
	}
	for _, want := range []string{"under full load", "latency below full load", "zksmr waiting"} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is missing: %s", want, words)
		}
	}
}

// What cannot be had on disk is left out, and said so.
func TestVoleryWithoutDisk(t *testing.T) {
	var out, words bytes.Buffer
	binary := filepath.Join(t.TempDir(), "nothing")
	args := strings.Fields("-json -rounds 1 -warm 1ms -window 1ms -storage disk -sizes 100 -partitions 1 -eyrie " + binary)
	if status := Volery(t.Context(), args, &out, &words); status != 0 || out.Len() > 0 || !strings.Contains(words.String(), "durable: NOT AVAILABLE") {
		t.Errorf("status %d: %s%s", status, out.String(), words.String())
	}
}

// Global commands concern two partitions, if there are two.
func TestGlobalPaths(t *testing.T) {
	for _, partitions := range []int{1, 2, 8} {
		paths, err := GlobalPaths(Case{Partitions: partitions, Outstanding: 200})
		if err != nil || len(paths) != 200 {
			t.Fatal(len(paths), err)
		}
		seen := map[string]bool{}
		for _, path := range paths {
			number, raw, err := volery.Create.Encode(voleryService, volery.CreateArg{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			access, err := voleryService.Definition().Commands[number].Access(raw)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(voleryService.Map(partitions).Route(access, nil)); n != min(partitions, 2) || seen[path] {
				t.Errorf("%d partitions: %s goes to %d", partitions, path, n)
			}
			seen[path] = true
		}
	}
}

// A process that ends by itself is told of, with its last words.
func TestProcesses(t *testing.T) {
	var p Processes
	if err := p.Start("sh", "-c", "echo trouble; exit 3"); err != nil {
		t.Fatal(err)
	}
	if err := p.Start("sleep", "60"); err != nil {
		t.Fatal(err)
	}
	begun := func() bool { return runtime.GOOS != "linux" || p.CPU() > 0 } // the other may end before sleep has run
	for end := time.Now().Add(10 * time.Second); (p.Err() == nil || !begun()) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if used := p.CPU(); runtime.GOOS == "linux" && used <= 0 { // far below a tick of the system's clock
		t.Errorf("sleep has used %v to begin", used)
	}
	if err := p.Close(); err == nil || !strings.Contains(err.Error(), "trouble") || !strings.Contains(err.Error(), "process 1") {
		t.Errorf("%v", err)
	}
}
