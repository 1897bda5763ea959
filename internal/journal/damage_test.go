package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/vfs"
)

// hard is a journal of three segments with records that make recovery's
// proofs hard: bodies of zeros, of one bit, of several sectors; the last ones
// are above the frontier.
func hard(t *testing.T) (*vfs.Mem, *model) {
	mem := vfs.NewMem()
	opts := small
	opts.FrontierEvery = 1 << 40
	m := newModel(t, mem, opts)
	rng := rand.New(rand.NewPCG(1, 1))
	m.trim(0, 1)
	for i := uint64(2); m.j.Segments() < 3; i++ {
		m.append(0, i, body(rng, rng.IntN(600)))
		if err := m.commit(); err != nil {
			t.Fatal(err)
		}
	}
	one := make([]byte, 1300)
	one[700] = 4
	m.append(1, 1, one)
	m.commit()
	m.append(1, 2, make([]byte, 1200))
	m.append(1, 3, nil)
	m.commit()
	m.append(1, 4, make([]byte, 600))
	m.commit()
	if m.j.Segments() > 3 {
		t.Fatal("grew too long")
	}
	mem.Kill()
	return mem, m
}

// Every bit of every file is flipped, one at a time: all comes back, or an
// error explains.
func TestEveryFlippedBit(t *testing.T) {
	mem, m := hard(t)
	names, _ := mem.List("j")
	refused, step := 0, 1
	if testing.Short() {
		step = 11
	}
	for _, name := range names {
		name = "j/" + name
		f, _ := mem.Open(name)
		size, _ := f.Size()
		for bit := 0; bit < int(size)*8; bit += step {
			disk := mem.Clone()
			if err := disk.Flip(name, int64(bit/8), bit%8); err != nil {
				t.Fatal(err)
			}
			switch err := m.verify(disk, small); {
			case errors.Is(err, ErrAmnesia), errors.Is(err, ErrForeign), errors.Is(err, ErrNewer):
				refused++
			case err != nil:
				t.Fatalf("bit %d of byte %d of %s: %v", bit%8, bit/8, name, err)
			}
		}
	}
	t.Logf("%d refused", refused)
}

// Of a long segment some bits are flipped.
func TestFlippedBitsOfALongSegment(t *testing.T) {
	mem := vfs.NewMem()
	opts := Options{SegmentSize: 1 << 18}
	m := newModel(t, mem, opts)
	if err := m.script(6, 200); err != nil {
		t.Fatal(err)
	}
	end, name := m.j.tail().end, m.j.tail().file.name()
	mem.Kill()
	rng := rand.New(rand.NewPCG(2, 2))
	for range 200 {
		disk := mem.Clone()
		at := rng.Int64N(end)
		disk.Flip(name, at, rng.IntN(8))
		if err := m.verify(disk, opts); !errors.Is(err, ErrAmnesia) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}

func TestMissingFiles(t *testing.T) {
	mem, m := hard(t)
	names, _ := mem.List("j")
	for _, name := range names {
		disk := mem.Clone()
		disk.Lose("j/" + name)
		if err := m.verify(disk, small); name != lockName && !errors.Is(err, ErrAmnesia) || name == lockName && err != nil {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestShortenedFiles(t *testing.T) {
	mem, m := hard(t)
	for i := range uint32(3) {
		for size := int64(0); size < 4096; size += 8 {
			disk := mem.Clone()
			name := "j/" + segmentName(i+1)
			f, _ := disk.Open(name)
			f.Truncate(size)
			f.Sync()
			disk.Kill()
			if err := m.verify(disk, small); err != nil && !errors.Is(err, ErrAmnesia) {
				t.Fatalf("%s cut to %d: %v", name, size, err)
			}
		}
	}
}

func TestSwappedAndForeignFiles(t *testing.T) {
	mem, m := hard(t)
	disk := mem.Clone()
	disk.Swap("j/0000000001.seg", "j/0000000002.seg")
	if err := m.verify(disk, small); !errors.Is(err, ErrAmnesia) || !strings.Contains(err.Error(), "segment 2") {
		t.Errorf("swapped segments: %v", err)
	}
	if _, err := Open(mem.Clone(), "j", ID{9}, small, nil); !errors.Is(err, ErrForeign) {
		t.Errorf("another's journal: %v", err)
	}
	other := vfs.NewMem()
	Create(other, "j", ID{9})
	j, err := Open(other, "j", ID{9}, small, nil)
	if err != nil {
		t.Fatal(err)
	}
	j.Append(0, 0, []byte("state"))
	j.Close()
	for _, name := range []string{"j/frontier", "j/0000000001.seg"} {
		disk := mem.Clone()
		from, _ := other.Open(name)
		size, _ := from.Size()
		b := make([]byte, size)
		from.ReadAt(b, 0)
		to, _ := disk.Open(name)
		to.WriteAt(b, 0)
		if err := m.verify(disk, small); !errors.Is(err, ErrForeign) {
			t.Errorf("%s of another journal: %v", name, err)
		}
	}
}

// The error of a damaged journal says where, what, and what to do.
func TestDamageExplains(t *testing.T) {
	mem, m := hard(t)
	mem.Flip("j/0000000002.seg", 100, 3)
	err := m.verify(mem, small)
	var d *Damage
	if !errors.As(err, &d) || d.File != "j/0000000002.seg" && d.File != "j/0000000001.seg" || d.Seq == 0 {
		t.Fatalf("%v", err)
	}
	for _, part := range []string{d.File, fmt.Sprint(d.Offset), "sequence", "new member"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}

func TestNewerFormat(t *testing.T) {
	mem, m := hard(t)
	f := frontier{id: testID}
	for i := range 2 {
		b := f.slot()
		le.PutUint32(b[8:], version+1)
		le.PutUint32(b[12:], 0)
		le.PutUint32(b[12:], crc32.Checksum(b, castagnoli))
		file, _ := mem.Open("j/frontier")
		file.WriteAt(b, int64(i)*slotStride)
	}
	if err := m.verify(mem, small); !errors.Is(err, ErrNewer) {
		t.Errorf("%v", err)
	}
}

// A sector that was lost, or never written, is noticed if a record with a whole
// head lies behind it. Else it could be the last batch's, unless the frontier
// knows better; here the last sectors hold the last two batches.
func TestEveryLostSector(t *testing.T) {
	mem, m := hard(t)
	all, unsure := m.acked, 0
	for i := range uint32(3) {
		name := "j/" + segmentName(i+1)
		for at := int64(0); at < 4096; at += sector {
			disk := mem.Clone()
			f, _ := disk.Open(name)
			f.WriteAt(make([]byte, sector), at)
			disk.Kill()
			err := m.verify(disk.Clone(), small)
			if err != nil && !errors.Is(err, ErrAmnesia) {
				m.acked = all - 3
				if err = m.verify(disk, small); err != nil {
					t.Fatalf("sector at %d of %s: %v", at, name, err)
				}
				m.acked = all
				unsure++
			}
		}
	}
	if unsure != 2 {
		t.Errorf("%d sectors count as torn", unsure)
	}
}
