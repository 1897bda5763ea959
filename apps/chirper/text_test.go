package chirper

import (
	"errors"
	"strings"
	"testing"
)

func TestCharacters(t *testing.T) {
	for text, want := range map[string]int{
		"abc":            3,
		"e\u0301\u0323a": 2, // marks belong to their letter
		"\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466": 1, // a family
		"\U0001F1E8\U0001F1ED\U0001F1EE\U0001F1F9":                   2, // two flags
		"\U0001F44D\U0001F3FD":                                       1, // a thumb with a skin tone
		"\u1112\u1161\u11AB\uAE00":                                   2, // Hangul, decomposed and not
		"\u0E01\u0E33":                                               1, // Thai
		"\u0915\u094D\u0937\u093F":                                   1, // a Devanagari conjunct
		"a\r\nb":                                                     3,
	} {
		if got := Characters(text); got != want {
			t.Errorf("%q has %d characters, want %d", text, got, want)
		}
	}
}

func TestCheckText(t *testing.T) {
	family := "\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466"
	for name, good := range map[string]string{
		"letters": strings.Repeat("x", MaxText), "umlauts": strings.Repeat("ü", MaxText),
		"families": strings.Repeat(family, MaxText), "lines": "a\nb",
	} {
		if err := CheckText(good); err != nil {
			t.Error(name, err)
		}
	}
	for name, bad := range map[string]string{
		"letters": strings.Repeat("x", MaxText+1), "umlauts": strings.Repeat("ü", MaxText+1),
		"families": strings.Repeat(family, MaxText+1), "empty": "", "blank": " \n\u2003",
		"control": "a\x1b[31m", "not UTF-8": "a\xff", "a tower of marks": "e" + strings.Repeat("\u0301", MaxTextBytes/2),
	} {
		if err := CheckText(bad); !errors.Is(err, ErrBadText) {
			t.Error(name, err)
		}
	}
}
