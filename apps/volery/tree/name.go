package tree

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/eyrie-dev/eyrie/apps/volery"
)

// ErrName is a name that cannot be carried over.
var ErrName = errors.New("tree: impossible name")

const hexDigits = "0123456789ABCDEF"

// EscapeName is a file's name as the name of a node. It is injective, and the
// identity on names that ZooKeeper allows and that hold no "%".
func EscapeName(name string) string {
	var b strings.Builder
	for len(name) > 0 {
		r, size := utf8.DecodeRuneInString(name)
		if r == '%' || !volery.AllowedRune(r) {
			for i := range size {
				b.WriteByte('%')
				b.WriteByte(hexDigits[name[i]>>4])
				b.WriteByte(hexDigits[name[i]&15])
			}
		} else {
			b.WriteString(name[:size])
		}
		name = name[size:]
	}
	return b.String()
}

// UnescapeName is EscapeName's inverse. A node's name that EscapeName never
// makes stands for itself. Names that are no single component of a path here
// are ErrName: they could lead out of the directory.
func UnescapeName(node string) (string, error) {
	name, ok := unescape(node)
	if !ok || EscapeName(name) != node {
		name = node
	}
	if name == "." || strings.ContainsAny(name, "/\x00") || !filepath.IsLocal(name) || filepath.Base(name) != name {
		return "", fmt.Errorf("%w: %q", ErrName, node)
	}
	return name, nil
}

func unescape(node string) (string, bool) {
	if !strings.Contains(node, "%") {
		return node, true
	}
	var b strings.Builder
	for i := 0; i < len(node); i++ {
		if node[i] != '%' {
			b.WriteByte(node[i])
			continue
		}
		if i+2 >= len(node) {
			return "", false
		}
		hi, lo := strings.IndexByte(hexDigits, node[i+1]), strings.IndexByte(hexDigits, node[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	return b.String(), true
}
