//go:build !unix

package bench

import "time"

// ownCPU is not known on this system: figures per operation show zero.
func ownCPU() time.Duration { return 0 }
