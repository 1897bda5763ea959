package optimistic

import "testing"

func TestModesHaveNames(t *testing.T) {
	for m := Conservative; m <= Full; m++ {
		if got, err := ParseMode(m.String()); err != nil || got != m {
			t.Errorf("ParseMode(%q) = %v, %v", m, got, err)
		}
	}
	if _, err := ParseMode("eager"); err == nil {
		t.Error("no mode is called eager")
	}
	if s := Mode(9).String(); s != "mode 9" {
		t.Errorf("Mode(9) is %q", s)
	}
}
