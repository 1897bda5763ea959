package simtest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

// Programs that keep numbers as floating point lose nothing of a summary.
func TestSummaryJSON(t *testing.T) {
	s := Summary{Runs: 2, Elapsed: 1500 * time.Millisecond, Hash: 1<<63 + 1}
	s.add(Report{}, &Failure{Seed: 1<<63 + 3, Err: errors.New("order: wrong"), Text: "all of it"})
	doc, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(doc, &got); err != nil {
		t.Fatal(err)
	}
	if got["runs"] != 3.0 || got["seconds"] != 1.5 || got["hash"] != "8000000000000001" {
		t.Errorf("%s", doc)
	}
	f := got["failures"].([]any)[0].(map[string]any)
	if f["seed"] != "9223372036854775811" || f["text"] != "all of it" || len(f) != 2 {
		t.Errorf("%s", doc)
	}
}
