package ids

import "slices"

// Set is a set of partitions, sorted and without duplicates. Sets are values:
// no method changes its receiver or argument.
type Set []Partition

// NewSet is the set of ps, in any order, duplicates allowed.
func NewSet(ps ...Partition) Set {
	s := slices.Clone(ps)
	slices.Sort(s)
	return slices.Compact(s)
}

// Range is the set {0, ..., n-1}.
func Range(n int) Set {
	s := make(Set, n)
	for i := range s {
		s[i] = Partition(i)
	}
	return s
}

// Valid says whether s is sorted and without duplicates; what comes from
// outside is checked with it.
func (s Set) Valid() bool {
	for i := 1; i < len(s); i++ {
		if s[i-1] >= s[i] {
			return false
		}
	}
	return true
}

// Has says whether p is in s.
func (s Set) Has(p Partition) bool {
	for _, q := range s {
		if q == p {
			return true
		}
	}
	return false
}

// Covers says whether every member of t is in s.
func (s Set) Covers(t Set) bool {
	for _, p := range t {
		if !s.Has(p) {
			return false
		}
	}
	return true
}

// Meets says whether s and t share a member.
func (s Set) Meets(t Set) bool {
	for _, p := range t {
		if s.Has(p) {
			return true
		}
	}
	return false
}

// Union is the set of the members of s and t. It returns s itself when s
// covers t.
func (s Set) Union(t Set) Set {
	if s.Covers(t) {
		return s
	}
	return NewSet(append(slices.Clone(s), t...)...)
}

// Equal says whether s and t have the same members.
func (s Set) Equal(t Set) bool { return slices.Equal(s, t) }
