package main

import (
	"context"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// dialVolery connects to the cluster that a file describes.
func dialVolery(ctx context.Context, file string, window int) (*volery.Client, func(), error) {
	c, err := ssmr.Dial(ctx, file, apps.Service, ssmr.ClientConfig{Window: window})
	if err != nil {
		return nil, nil, err
	}
	return volery.NewClient(c), func() { c.Close() }, nil
}
