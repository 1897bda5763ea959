package bench

import (
	"net"
	"testing"
)

// What servers are to listen on is free, is given to one of them, and is never a
// port that the system takes for a connection.
func TestFreeAddrs(t *testing.T) {
	seen := map[string]bool{}
	for range 10 {
		addrs, err := FreeAddrs(24)
		if err != nil || len(addrs) != 24 {
			t.Fatal(len(addrs), err)
		}
		for _, addr := range addrs {
			ln, err := net.Listen("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			if port := ln.Addr().(*net.TCPAddr).Port; seen[addr] || port < firstPort || port >= firstPort+ports {
				t.Errorf("%s twice, or not below the ports of connections", addr)
			}
			seen[addr] = true
		}
	}
}
