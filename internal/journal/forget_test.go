package journal

import (
	"slices"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// What is forgotten is dead: segments go, no later one has a copy of it, and
// whoever writes again under the same names has what was written last.
func TestForget(t *testing.T) {
	mem := vfs.NewMem()
	m := newModel(t, mem, small)
	m.append(7, 0, []byte("promised by one that is gone"))
	for i := range uint64(200) {
		m.append(7, 1+i, []byte("vote"))
	}
	m.append(8, 5, []byte("another's vote"))
	if err := m.commit(); err != nil {
		t.Fatal(err)
	}
	before := m.j.Durable()
	for i := range uint64(201) {
		m.j.Forget(7, i)
		m.j.Forget(7, i) // twice, and what is not there: nothing
	}
	m.j.Forget(9, 3)
	m.j.Forget(8, 4)
	m.append(7, 150, []byte("the successor's vote"))
	for i := uint64(1); i < 500; i++ {
		m.append(0, i, make([]byte, 100))
		m.trim(0, i)
		if m.commit() != nil || m.upkeep() != nil {
			t.Fatal(m.j.Err())
		}
	}
	if m.j.segments[0].first <= before {
		t.Error("segments of what is forgotten are still there")
	}
	if err := m.j.Close(); err != nil {
		t.Fatal(err)
	}
	var got []uint64
	j, err := Open(mem, "j", testID, small, func(r Record) error {
		if r.Ensemble == 7 {
			got = append(got, r.Instance)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if !slices.Equal(got, []uint64{150}) {
		t.Errorf("of what was forgotten and written again there is %v", got)
	}
	if p := j.of(8).find(5); p.span == 0 {
		t.Error("another's record is gone")
	}
}
