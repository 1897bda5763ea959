//go:build !unix

package main

// descriptorLimit: there is none.
func descriptorLimit() uint64 { return 0 }
