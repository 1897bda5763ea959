package partition

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Decode decodes this package's messages; see wire.Decoder.
func Decode(kind wire.Kind, body []byte) (wire.Message, error) {
	r := wire.NewReader(body)
	var m wire.Message
	switch kind {
	case KindReply:
		m = decodeReply(&r)
	default:
		return nil, fmt.Errorf("%w: kind %#x is not the partition's", wire.ErrMalformed, kind)
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return m, nil
}
