package figures

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/bench/scale"
)

// What the model writes can be drawn.
func TestScale(t *testing.T) {
	var points, words bytes.Buffer
	for _, claim := range []string{"groups", "latency-destinations"} {
		if code := scale.Command(context.Background(), []string{"-json", "-quick", "-groups", "1,2", "-destinations", "4,6", "-only", claim}, &points, &words); code == 2 {
			t.Fatal(words.String())
		}
	}
	fig, err := Scale(&points)
	if err != nil {
		t.Fatal(err)
	}
	var svg strings.Builder
	if err := fig.Write(&svg); err != nil || !strings.Contains(svg.String(), "ring") {
		t.Errorf("no figure with a ring: %v", err)
	}
	if _, err := Scale(strings.NewReader("{")); err == nil {
		t.Error("half a line is drawn")
	}
}
