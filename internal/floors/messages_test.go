package floors

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/messages.md has every message that there is, in its package's section, and
// no other.
func TestMessagesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	for heading, dir := range map[string]string{
		"Ridge": "ridge", "Partitions": "partition", "Optimistic": "optimistic", "Processes": "internal/node", "Clients": "internal/session",
	} {
		_, section, found := strings.Cut(string(page), "\n## "+heading)
		section, _, _ = strings.Cut(section, "\n## ")
		if !found {
			t.Errorf("docs/messages.md has no section %s", heading)
			continue
		}
		var told []string
		for _, m := range row.FindAllStringSubmatch(section, -1) {
			name, _, _ := strings.Cut(m[1], " (")
			told = append(told, strings.Split(name, ", ")...)
		}
		there := kinds(t, "../../"+dir)
		for _, name := range there {
			if !slices.Contains(told, name) {
				t.Errorf("docs/messages.md lacks %s of %s", name, dir)
			}
		}
		for _, name := range told {
			if name != "message" && !slices.Contains(there, name) {
				t.Errorf("docs/messages.md has %s, which is no message of %s", name, dir)
			}
		}
	}
}

var (
	row  = regexp.MustCompile(`(?m)^\| (\w[^|]*?) \|`)
	kind = regexp.MustCompile(`(?m)^func \((?:\w+ )?\*(\w+)\) Kind\(\) wire\.Kind`)
)

// kinds are the messages of a package.
func kinds(t *testing.T, dir string) (names []string) {
	files, err := filepath.Glob(dir + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(dir, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range kind.FindAllStringSubmatch(string(source), -1) {
			names = append(names, strings.TrimSuffix(m[1], "Message"))
		}
	}
	return names
}
