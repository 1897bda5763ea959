package main

import (
	"context"
	"fmt"
	"runtime/debug"
)

// runVersion says which build this is.
func runVersion(_ context.Context, e env, args []string) int {
	fs := flags(e, "version", "[flags]", `Says which build this is: its version, the revision that it was built from, and
of Go.`)
	asJSON := fs.Bool("json", false, "print JSON")
	if code, ok := parse(fs, e, args, 0); !ok {
		return code
	}
	b := struct {
		Version  string `json:"version"`
		Revision string `json:"revision,omitempty"`
		Modified bool   `json:"modified,omitempty"`
		Go       string `json:"go"`
	}{Version: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Version, b.Go = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	if *asJSON {
		printJSON(e.stdout, b)
		return exitOK
	}
	fmt.Fprintf(e.stdout, "eyrie %s", b.Version)
	if b.Revision != "" {
		fmt.Fprintf(e.stdout, ", revision %s", b.Revision)
	}
	if b.Modified {
		fmt.Fprint(e.stdout, " with changes")
	}
	fmt.Fprintf(e.stdout, ", %s\n", b.Go)
	return exitOK
}
