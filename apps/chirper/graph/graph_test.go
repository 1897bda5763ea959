package graph

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/eyrie-dev/eyrie/apps/chirper"
)

func TestRead(t *testing.T) {
	const list = "# a comment\n% another\n\n 7\t3 \n3 7\n3 3\n12 7 1234567\r\n3 12"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(list))
	z.Close()
	for name, in := range map[string]string{"plain": list, "gzip": packed.String()} {
		g, err := Read(strings.NewReader(in))
		if err != nil {
			t.Fatal(name, err)
		}
		loops, doubles := g.Skipped()
		if g.Len() != 3 || g.Size() != 3 || loops != 1 || doubles != 1 || g.MaxDegree() != 2 {
			t.Errorf("%s: %+v", name, g)
		}
		for i, want := range [][]chirper.User{{7, 12}, {3, 12}, {3, 7}} {
			if got := slices.Collect(g.Followers(i)); !slices.Equal(got, want) {
				t.Errorf("%s: %d has %v, want %v", name, g.User(i), got, want)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"1 2\n1":                            "line 2: not an edge list: \"1\" is not two numbers",
		"1 2\n\n1 x":                        "line 3: not an edge list: bad user number: \"x\" is not a number from 0 to 9007199254740991",
		"1 -2":                              "line 1: ",
		"1 9007199254740992":                "line 1: ",
		"1 2\n" + strings.Repeat("1", 5000): "line 2: not an edge list: longer than 1024 bytes",
		"":                                  "no edges in 0 lines",
		"# nothing\n":                       "no edges in 1 lines",
	} {
		if _, err := Read(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %s", in, err, want)
		} else if !errors.Is(err, ErrFormat) {
			t.Errorf("%v is no ErrFormat", err)
		}
	}
}

// TestReadRefusesDamage cuts a compressed list anywhere, and changes each of its
// bytes: it is refused as damaged, or, if the byte was of no consequence, read.
func TestReadRefusesDamage(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for i := range 300 {
		fmt.Fprintln(z, i, i*i%1000)
	}
	z.Close()
	whole := packed.Bytes()
	want, err := Read(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	for n := 2; n < len(whole); n++ {
		if _, err := Read(bytes.NewReader(whole[:n])); !errors.Is(err, ErrDamaged) || errors.Is(err, ErrFormat) {
			t.Fatalf("cut after %d of %d bytes: %v", n, len(whole), err)
		}
	}
	for i := 2; i < len(whole); i++ {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x81
		g, err := Read(bytes.NewReader(bad))
		switch {
		case err == nil && i < 10 && g.Len() == want.Len() && g.Size() == want.Size(): // a time or a system, in the header
		case !errors.Is(err, ErrDamaged) || errors.Is(err, ErrFormat):
			t.Fatalf("byte %d of %d: %v", i, len(whole), err)
		}
	}
	if _, err := Read(io.MultiReader(bytes.NewReader(whole[:100]), iotest.ErrReader(fs.ErrClosed))); !errors.Is(err, fs.ErrClosed) || errors.Is(err, ErrDamaged) {
		t.Errorf("a list that cannot be read: %v", err)
	}
}

func TestGenerate(t *testing.T) {
	g := Generate(3000, 20, 1)
	if g.Len() != 3000 || g.Size() < 29_000 || g.Size() > 30_100 {
		t.Errorf("%d users, %d edges", g.Len(), g.Size())
	}
	if g.MaxDegree() < 150 { // a random graph's is below 50
		t.Errorf("the tail is not heavy: %d", g.MaxDegree())
	}
	for i := range g.Len() {
		if g.Degree(i) == 0 {
			t.Errorf("%d has no friends", i)
		}
	}
	same, other := Generate(3000, 20, 1), Generate(3000, 20, 2)
	if !slices.Equal(g.friends, same.friends) || slices.Equal(g.friends, other.friends) {
		t.Error("not a function of the seed alone")
	}
	for _, small := range [][2]int{{0, 0}, {1, 5}, {2, 2}, {3, 1}, {5, 100}, {100, 3}} {
		g := Generate(small[0], small[1], 1)
		if loops, doubles := g.Skipped(); g.Len() != max(1, small[0]) || loops+doubles > 0 {
			t.Error(small, g)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("1 2\n2 3\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		ends := 0
		for i := range g.Len() {
			ends += len(slices.Collect(g.Followers(i)))
		}
		if ends != 2*g.Size() {
			t.Error(ends, g.Size())
		}
	})
}
