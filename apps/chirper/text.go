package chirper

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// Characters is how many characters a person sees in a text: its grapheme
// clusters, as the Unicode Standard's annex 29 tells them apart.
func Characters(text string) (n int) {
	for all := graphemes.FromString(text); all.Next(); {
		n++
	}
	return n
}

// CheckText says what is wrong with a text: it is empty or blank, has more than
// MaxText characters or MaxTextBytes bytes, is not UTF-8, or has control
// characters other than line feeds. The error is an ErrBadText.
//
// Replicas check texts too, and must all count alike: like any other change of
// the service's code, another version of Unicode is for all processes at once.
func CheckText(text string) error {
	switch {
	case len(text) > MaxTextBytes:
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrBadText, len(text), MaxTextBytes)
	case !utf8.ValidString(text):
		return fmt.Errorf("%w: not UTF-8", ErrBadText)
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%w: empty", ErrBadText)
	}
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' {
			return fmt.Errorf("%w: control character %U", ErrBadText, r)
		}
	}
	if len(text) <= MaxText { // each character has a byte at least
		return nil
	}
	if n := Characters(text); n > MaxText {
		return fmt.Errorf("%w: %d characters, the limit is %d", ErrBadText, n, MaxText)
	}
	return nil
}
