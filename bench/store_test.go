package bench

import "testing"

// A Store keeps copies, of values of any size, and nothing at keys that are none.
func TestStore(t *testing.T) {
	var s Store
	for _, v := range []string{"one", "two", "", "longer", "x"} {
		b := []byte(v)
		s.Put(7, b)
		s.Put(Keys, b)
		clear(b)
		if string(s[7]) != v {
			t.Errorf("stored %q, found %q", v, s[7])
		}
	}
}
