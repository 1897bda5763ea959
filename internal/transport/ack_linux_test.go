package transport

import (
	"net"
	"syscall"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// A connection that is read delays its acknowledgements.
func TestAcksAreDelayed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	c := newConn(far, ids.To(1), 1, nil)
	quick := -1
	if err := c.raw.raw.Control(func(fd uintptr) {
		quick, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK)
	}); err != nil || quick != 0 {
		t.Errorf("acknowledgements are quick: %d, %v", quick, err)
	}
}
