package wire

import (
	"strings"
	"unsafe"
)

// Unwritten is n bytes that hold anything: what is overwritten before it is read
// need not be cleared. Of what the standard library offers, only strings.Builder
// allocates so; nobody has the string but its maker.
func Unwritten(n int) []byte {
	if n == 0 {
		return nil
	}
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), n)
}
