//go:build !linux

package finetimer

import "time"

type descriptor struct{}

func (*descriptor) open(func()) bool  { return false }
func (*descriptor) set(time.Duration) {}
func (*descriptor) close()            {}
