package host

import (
	"context"
	"fmt"

	"github.com/eyrie-dev/eyrie/partition"
)

// Upgrade has another version of the service come into force (partition.Former).
// The error wraps partition.ErrVersion if another one than u.From was in force;
// after one that wraps ErrOutcomeUnknown, or that is ctx's, it may have come to
// be, or come yet.
func (c *Client) Upgrade(ctx context.Context, u partition.Upgrade) error {
	call, err := c.Submit(ctx, partition.CommandUpgrade, u.Append(nil), nil)
	if err != nil {
		return err
	}
	r, err := call.Wait(ctx)
	switch {
	case err != nil:
		return err
	case r.Err != nil:
		return r.Err
	case r.Reply.Outcome == partition.OutcomeOK:
		return nil
	case r.Reply.ErrorName != "":
		return new(partition.Service).Error(r.Reply.ErrorName, r.Reply.ErrorText)
	}
	return fmt.Errorf("host: the upgrade ended with %v %s", r.Reply.Outcome, r.Reply.ErrorText)
}
