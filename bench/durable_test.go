package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The durable floor completes what the leader and a follower have on disk, and
// not before.
func TestFloorIsDurable(t *testing.T) {
	dir := t.TempDir()
	s := NewFloor(Case{Replicas: 3, Size: 9, Outstanding: 16, Dir: dir})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	holds := func(replica int, value []byte) bool {
		f, err := os.Open(filepath.Join(dir, fmt.Sprint("journal", replica)))
		if err != nil {
			t.Error(err)
			return false
		}
		defer f.Close()
		front := make([]byte, 1<<14) // all that is written here
		n, err := f.ReadAt(front, 0)
		return err == nil && bytes.Contains(front[:n], value)
	}
	ended := make(chan error, 16)
	for i := range 32 {
		for slot := range 16 {
			value := fmt.Appendf(nil, "value%04d", 16*i+slot)
			s.Submit(Op{Slot: slot, Key: uint32(slot), Value: value}, func(err error) {
				if slot == 0 && (!holds(0, value) || !holds(1, value) && !holds(2, value)) {
					err = errors.Join(err, fmt.Errorf("%s is complete, and not durable", value))
				}
				ended <- err
			})
		}
		s.Flush()
		for range 16 {
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A floor whose disk fails completes nothing more.
func TestFloorDiskFails(t *testing.T) {
	s := NewFloor(Case{Replicas: 3, Size: 3, Outstanding: 1, Dir: t.TempDir()})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.(*Floor).journals[0].file.Close()
	ended := make(chan error, 1)
	s.Submit(Op{Value: []byte("abc")}, func(err error) { ended <- err })
	s.Flush()
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("completed with %v", err)
	}
	s.Close()
}

// The journal is as large as it was made, and is written over from its front.
func TestFloorJournalWraps(t *testing.T) {
	j, err := newFloorJournal(t.TempDir(), "journal", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer j.file.Close()
	j.size = 10
	for _, b := range []string{"abcd", "efgh", "ijkl"} {
		if err := j.append([]byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, 10)
	if _, err := j.file.ReadAt(got, 0); err != nil || string(got) != "klcdefghij" {
		t.Errorf("%q, %v", got, err)
	}
	if size, err := j.file.Size(); err != nil || size != journalRoom {
		t.Errorf("%d bytes, %v", size, err)
	}
}

// A durable bench measures on a disk, and leaves nothing there.
func TestDurable(t *testing.T) {
	dir := t.TempDir()
	if _, kind := mount(dir); kind == "tmpfs" {
		t.Skip("temporary files are in memory here")
	}
	args := strings.Fields("-json -rounds 1 -warm 5ms -window 20ms -vary outstanding,groups -outstanding 1,8 -groups 2 -at 8 -dir " + dir)
	var out, words bytes.Buffer
	if status := DurableBeside(t.Context(), args, &out, &words, nil); status != 0 || bytes.Count(out.Bytes(), []byte("\n")) != 9 {
		t.Errorf("status %d\n%s\n%s", status, out.String(), words.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left: %v", left, err)
	}
}

// Memory that looks like a disk is refused.
func TestDurableRefuses(t *testing.T) {
	const memory = "/dev/shm"
	if _, kind := mount(memory); kind != "tmpfs" {
		t.Skip("no tmpfs to try")
	}
	var out, words bytes.Buffer
	if status := DurableBeside(t.Context(), []string{"-dir", memory}, &out, &words, nil); status != 1 || !strings.Contains(words.String(), "that is, memory") {
		t.Errorf("status %d: %s", status, words.String())
	}
}

// The file system is that of the deepest mount that holds the folder.
func TestMount(t *testing.T) {
	if _, err := os.Stat("/proc/self/mounts"); err != nil {
		t.Skip(err)
	}
	if source, kind := mount("/proc/self"); kind != "proc" {
		t.Errorf("/proc/self is %s on %s", kind, source)
	}
	h, err := probeSyncs(t.TempDir())
	if err != nil || h.Total() == 0 || h.Quantile(0.5) > time.Minute {
		t.Errorf("%v", err)
	}
}
