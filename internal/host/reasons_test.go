package host

import (
	"errors"
	"fmt"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/transport"
)

// A refusal is told while it lasts, and only one that does not pass by itself.
func TestRefusals(t *testing.T) {
	var r refusals
	no := func(why error) error { return fmt.Errorf("%w: %w", transport.ErrRefused, why) }
	r.heard(1, no(transport.ErrLayout))
	r.heard(2, no(transport.ErrDuplicate))
	r.heard(3, no(transport.ErrBusy))
	r.heard(4, errors.New("nobody listens"))
	if by := r.now(); len(by) != 1 || by[1] != no(transport.ErrLayout).Error() {
		t.Errorf("refused by %v", by)
	}
	r.heard(2, no(transport.ErrCluster))
	r.heard(1, nil)
	if by := r.now(); len(by) != 1 || by[2] == "" {
		t.Errorf("refused by %v", by)
	}
}
