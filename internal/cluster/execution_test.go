package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/optimistic"
)

func file(extra string) []byte {
	return []byte(`{"version": 1, "cluster": "c", "partitions": [[{"id": 1, "addr": "a:1"}]]` + extra + `}`)
}

func TestExecution(t *testing.T) {
	for extra, want := range map[string]optimistic.Mode{
		"":                             optimistic.Conservative, // files of before
		`, "optimistic": true`:         optimistic.Conservative,
		`, "execution":"conservative"`: optimistic.Conservative,
		`, "execution":"baseline"`:     optimistic.Baseline,
		`, "execution":"full"`:         optimistic.Full,
	} {
		f, err := Parse(file(extra))
		if err != nil || f.Execution != want {
			t.Errorf("%s: %v, %v", extra, f, err)
			continue
		}
		if got := f.Ridge().Optimistic; got != (want != optimistic.Conservative || f.Optimistic) {
			t.Errorf("%s: optimistic delivery is %v", extra, got)
		}
		name := filepath.Join(t.TempDir(), DefaultName)
		if err := f.Save(name); err != nil {
			t.Fatal(err)
		}
		if again, err := Load(name); err != nil || again.Execution != want {
			t.Errorf("%s comes back as %v, %v", extra, again, err)
		}
		if b, _ := os.ReadFile(name); strings.Contains(string(b), "execution") != (want != optimistic.Conservative) {
			t.Errorf("%s is saved as %s", extra, b)
		}
	}
	for _, extra := range []string{`, "execution": "eager"`, `, "execution": ""`, `, "execution": 1`} {
		if _, err := Parse(file(extra)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", extra, err)
		}
	}
	f, _ := Parse(file(""))
	f.Execution = 9
	if err := f.Validate(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "full") {
		t.Error(err)
	}
}
