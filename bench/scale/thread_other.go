//go:build !linux

package scale

import "time"

// threadTime is not known here.
func threadTime() time.Duration { return 0 }
