//go:build !linux

package finetimer

import "time"

type descriptor struct{}

func (*descriptor) open(func())            {}
func (*descriptor) set(time.Duration) bool { return false }
func (*descriptor) close()                 {}
