// Package apps is the services that Eyrie ships, as one: what `eyrie up` and
// `eyrie node` run, and what their clients must be built with.
package apps

import (
	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// Service is Volery and Chirper. Whoever changes what one of its commands does
// gives it the next version, and carries the former one along.
var Service = ssmr.Compose("eyrie", volery.Service, chirper.Service).AtVersion(1)
