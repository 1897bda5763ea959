package journal

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

func TestReopenShowsTheNewestInOrder(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	if err := m.script(1, 60); err != nil {
		t.Fatal(err)
	}
	if n := m.j.Segments(); n > 8 {
		t.Errorf("%d segments with %d live bytes of %d", n, m.j.Live(), m.j.Size())
	}
	if err := m.j.Scrub(1 << 20); err != nil {
		t.Error(err)
	}
	m.append(0, 1000, []byte("pending at close"))
	if err := m.j.Close(); err != nil {
		t.Fatal(err)
	}
	m.acked = m.j.durable
	for range 2 {
		if err := m.verify(mem, small); err != nil {
			t.Error(err)
		}
	}
}

func TestCreateIsRefusedWhereSomethingIs(t *testing.T) {
	mem := vfs.NewMem()
	if _, err := Open(mem, "j", testID, small, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open without a directory: %v", err)
	}
	newModel(t, mem, small).j.Close()
	if err := Create(mem, "j", testID); !errors.Is(err, ErrExists) {
		t.Errorf("Create again: %v", err)
	}
}

func TestSecondHolderIsLocked(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	if err := m.open(small); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("second Open: %v", err)
	}
}
