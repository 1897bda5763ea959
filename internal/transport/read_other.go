//go:build !unix

package transport

// run reads and handles until there is an error.
func (in *intake) run() error { return in.again() }
