package tree

import (
	"slices"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/apps/volery"
)

func TestNames(t *testing.T) {
	for name, node := range map[string]string{
		"plain": "plain", "a b": "a b", "100%": "100%25", "%41": "%2541", "\n": "%0A", "\xff": "%FF",
		"\u0085": "%C2%85", "\U0001f600": "%F0%9F%98%80", "é": "é", ".x": ".x",
	} {
		if got := EscapeName(name); got != node {
			t.Errorf("EscapeName(%q) = %q, want %q", name, got, node)
		}
	}
	for node, name := range map[string]string{"100%": "100%", "%4": "%4", "%zz": "%zz", "%41": "%41", "%0a": "%0a"} {
		if got, err := UnescapeName(node); err != nil || got != name {
			t.Errorf("UnescapeName(%q) = %q, %v", node, got, err)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("a%b\xff")
	f.Fuzz(func(t *testing.T, name string) {
		node := EscapeName(name)
		if strings.ContainsAny(name, "/\x00") || slices.Contains([]string{"", ".", ".."}, name) {
			return // no file is called so
		}
		if len(node) < 4000 && volery.CheckPath("/"+node) != nil {
			t.Errorf("%q becomes %q, which is no name of a node", name, node)
		}
		if got, err := UnescapeName(node); err != nil || got != name {
			t.Errorf("%q becomes %q becomes %q, %v", name, node, got, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("#eyrie file executable chunks=3 size=5 sha256=00\n"))
	f.Add(chunkedValue(true, 3, 5, [32]byte{1}))
	f.Fuzz(func(t *testing.T, value []byte) {
		e, err := parse(value)
		if err == nil && e.chunks > 0 && (e.size < 0 || e.body != nil) {
			t.Errorf("%q: %+v", value, e)
		}
	})
}
