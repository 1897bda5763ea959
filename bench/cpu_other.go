//go:build !unix

package bench

import "time"

// OwnCPU is not known on this system: figures per operation show zero.
func OwnCPU() time.Duration { return 0 }
