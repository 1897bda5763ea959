//go:build !unix

package store

// Free is not known here.
func Free(string) (uint64, error) { return 1 << 62, nil }
