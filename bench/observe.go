package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// Footprint is what one process of a cluster takes at a time, bytes unless it
// says otherwise.
type Footprint struct {
	Process     int     `json:"process"`
	Journal     float64 `json:"journal"`     // allocated on the disk
	Checkpoints float64 `json:"checkpoints"` // likewise
	RSS         float64 `json:"rss"`         // resident, files it has mapped included
	Anonymous   float64 `json:"rss_anonymous"`
	Heap        float64 `json:"heap"` // Go's objects, garbage included
	Log         float64 `json:"log"`  // untrimmed values, all ensembles
	Outbox      float64 `json:"outbox"`
	State       float64 `json:"state"`
	Clients     int     `json:"clients"` // of the exactly-once table
	Checkpoint  uint64  `json:"checkpoint"`
}

func (f *Footprint) disk() float64 { return f.Journal + f.Checkpoints }

// observer asks the processes of a cluster how they are.
type observer struct {
	client *host.Client
	file   *cluster.File
}

func observe(ctx context.Context, file string, service *ssmr.Service) (*observer, error) {
	f, err := cluster.Load(file)
	if err != nil {
		return nil, err
	}
	c, err := host.Dial(ctx, host.FileClient(f, service.Definition(), service.Map(len(f.Partitions))))
	if err != nil {
		return nil, err
	}
	return &observer{c, f}, nil
}

// status is what the i-th process says, from 0, or nil if it does not soon.
func (o *observer) status(ctx context.Context, i int) *node.Status {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	doc, err := o.client.Status(ctx, ids.Process(i+1))
	var s node.Status
	if err != nil || json.Unmarshal(doc, &s) != nil {
		return nil
	}
	return &s
}

// footprint is that of the i-th process, which has a directory and a pid.
func (o *observer) footprint(ctx context.Context, i int, dir string, pid int) Footprint {
	f := Footprint{Process: i + 1}
	f.Journal, f.Checkpoints = allocated(filepath.Join(dir, "journal")), allocated(filepath.Join(dir, "checkpoints"))
	f.RSS, f.Anonymous = resident(pid)
	if s := o.status(ctx, i); s != nil {
		for _, e := range s.Ridge.Ensembles {
			f.Log += float64(e.LogBytes)
		}
		f.Heap, f.Outbox, f.State, f.Clients = float64(s.Heap), float64(s.Replica.OutboxBytes), float64(s.Replica.StateBytes), s.Replica.Clients
		if s.Durable != nil {
			f.Checkpoint = s.Durable.Checkpoint
		}
	}
	return f
}

// allocated is the room that files below a folder take on the disk; what goes
// meanwhile does not count.
func allocated(dir string) (size float64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				size += blocks(info)
			}
		}
		return nil
	})
	return size
}

// resident is what a process has in memory, and of it what no file is behind;
// zero where there is no /proc.
func resident(pid int) (all, anonymous float64) {
	file := fmt.Sprintf("/proc/%d/status", pid)
	kib := func(name string) float64 {
		n, _ := strconv.ParseFloat(strings.TrimSuffix(procField(file, name, ""), " kB"), 64)
		return n * 1024
	}
	return kib("VmRSS"), kib("RssAnon")
}

// benchFolder makes a folder for a bench's files on a disk, and describes that.
func benchFolder(parent, bench string) (dir, where string, err error) {
	if dir, err = os.MkdirTemp(parent, "eyrie-"+bench+"-"); err != nil {
		return "", "", err
	}
	if where, err = disk(dir); err != nil {
		os.RemoveAll(dir)
	}
	return dir, where, err
}
