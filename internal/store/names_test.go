package store

import (
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/partition"
)

// The longest name that a variable may have fits, whatever bytes are in it.
func TestLongestNames(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		for i, c := range []string{"\x00", "\xff"} {
			key := []byte("v\x00\x00" + strings.Repeat(c, partition.MaxName))
			check(t, s, uint64(i+1), write(t, s, uint64(i+1), true, nil, []Item{{Key: key, Value: []byte("x")}}))
		}
	})
}
