//go:build !linux

package transport

// delayAcks does nothing here.
func (*rawWriter) delayAcks() {}
