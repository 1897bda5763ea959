package volery

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckPath(t *testing.T) {
	for _, c := range []struct {
		path string
		ok   bool
	}{
		{"/", true}, {"/a", true}, {"/a/b", true}, {"/a b/.c/d..", true}, {"/...", true}, {"/é世", true},
		{"/\ue000", false}, {"/\uf8ff", false}, {"/\uf900", true}, {"/\uffef", true}, {"/\ufff0", false}, {"/\ufffd", false},
		{"/\u001f", false}, {"/\u0020", true}, {"/\u007e", true}, {"/\u007f", false}, {"/\u009f", false}, {"/\u00a0", true},
		{"/\ud7ff", true}, {"/\U0001f600", false}, // a pair of surrogates in UTF-16
		{"", false}, {"a", false}, {"a/b", false}, {"/a/", false}, {"//", false}, {"//a", false}, {"/a//b", false},
		{"/.", false}, {"/..", false}, {"/a/./b", false}, {"/a/../b", false}, {"/a/.", false},
		{"/a\x00b", false}, {"/\xff", false}, {"/a\xed\xa0\x80", false},
		{"/" + strings.Repeat("x", MaxPath-1), true}, {"/" + strings.Repeat("x", MaxPath), false},
	} {
		err := CheckPath(c.path)
		if (err == nil) != c.ok {
			t.Errorf("CheckPath(%q) = %v, want ok %v", clip(c.path), err, c.ok)
		}
		if err != nil && !errors.Is(err, ErrBadArguments) {
			t.Errorf("CheckPath(%q) = %v, not ErrBadArguments", clip(c.path), err)
		}
	}
}

// A name that a signed counter printed with %010d could have made lives with
// its parent; everything else where its own path says.
func TestPlace(t *testing.T) {
	for path, want := range map[string]string{
		"/":                           "/",
		"/a":                          "/a",
		"/a/b":                        "/a/b",
		"/a/n-0000000042":             "/a",
		"/a/0000000042":               "/a",
		"/0000000042":                 "/",
		"/a/12345678901":              "/a", // more digits end in ten
		"/a/n-000000042":              "/a", // minus and nine digits: the counter after its overflow
		"/a/n000000042":               "/a/n000000042",
		"/a/-2147483648":              "/a",
		"/a/n--000000001":             "/a",
		"/a/0000000042x":              "/a/0000000042x",
		"/a/0000000042/b":             "/a/0000000042/b",
		"/a/x0000000001/y0000000002":  "/a", // the parent is placed with its own parent
		"/a/00000000０１":               "/a/00000000０１",
		"0000000042":                  "0000000042",
		"":                            "",
		"/a/n-0000000042/0000000001/": "/a/n-0000000042/0000000001/",
	} {
		if got := Place(path); got != want {
			t.Errorf("Place(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestParentNameJoin(t *testing.T) {
	for _, c := range []struct {
		path, parent, name string
		ok                 bool
	}{
		{"/a", "/", "a", true}, {"/a/b", "/a", "b", true}, {"/", "/", "", true},
		{"/a/", "/a", "", true}, {"//a", "/", "a", true}, {"a", "", "a", false},
	} {
		parent, ok := ParentOf(c.path)
		if parent != c.parent || ok != c.ok || NameOf(c.path) != c.name {
			t.Errorf("%q: parent %q %v, name %q", c.path, parent, ok, NameOf(c.path))
		}
	}
	for _, path := range []string{"/a", "/a/b", "/a/b/0000000001"} {
		parent, _ := ParentOf(path)
		if got := Join(parent, NameOf(path)); got != path {
			t.Errorf("Join(%q, %q) = %q", parent, NameOf(path), got)
		}
	}
}
