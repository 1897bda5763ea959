// Package floors fixes who may import whom, and what a core may not do.
package floors

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/eyrie-dev/eyrie"

// floors lists, for each package, the packages of this module that it may
// import, besides those that any may (common). A folder's rule holds for the
// folders in it. A package that is not listed fails: give it its floor.
var floors = map[string]string{
	"internal/hlc":       "",
	"internal/ids":       "internal/hlc",
	"internal/wire":      "internal/hlc internal/ids",
	"ridge":              "internal/wire",
	"partition":          "internal/wire",
	"optimistic":         "partition internal/wire",
	"oracle":             "partition internal/wire",
	"internal/session":   "internal/wire",
	"internal/node":      "ridge partition optimistic oracle internal/session internal/wire",
	"internal/client":    "ridge partition optimistic oracle internal/session internal/wire",
	"internal/cluster":   "ridge partition optimistic",
	"internal/finetimer": "",
	"internal/heapfloor": "",
	"internal/store":     "partition internal/wire",
	"internal/transport": "internal/wire internal/finetimer",
	"internal/vfs":       "",
	"internal/journal":   "internal/vfs",
	"internal/host":      "internal/node internal/client internal/cluster internal/transport internal/session internal/finetimer internal/store internal/journal internal/vfs ridge partition optimistic oracle internal/wire",
	"ssmr":               "internal/host internal/cluster internal/node internal/client partition optimistic oracle ridge",
	"apps":               "ssmr apps",
	"internal/sim":       "internal/wire",
	"internal/simtest":   "internal/sim internal/node internal/journal internal/store internal/vfs internal/client internal/session oracle partition optimistic ridge ssmr apps internal/wire internal/simtest",
	"bench":              "ssmr apps internal ridge partition optimistic oracle bench",
	"cmd":                "ssmr apps bench internal ridge partition optimistic oracle cmd",
	"internal/floors":    "",
	"internal/e2e":       "",
	"internal/powercut":  "internal/testroom",
	"internal/testroom":  "internal/vfs",
}

const common = "internal/hlc internal/ids"

// cores are the packages without IO, with what they may not import.
var cores = []string{"internal/hlc", "internal/ids", "internal/wire", "ridge", "partition", "optimistic", "oracle", "internal/session", "internal/node", "internal/client"}

// forbidden imports in cores, and what to do instead.
var forbidden = map[string]string{
	"net": "let a driver send", "os": "let a driver do it", "log": "count it in Status", "log/slog": "count it in Status",
	"sync": "a core is stepped by one goroutine", "sync/atomic": "a core is stepped by one goroutine",
	"context": "a core never waits", "math/rand": "take a Random func in Config", "crypto/rand": "take a Random func in Config",
	"io": "let a driver do it", "runtime": "let a driver do it", "reflect": "write the encoding out",
}

// allowedOf restricts what a core may use of a package.
var allowedOf = map[string][]string{
	"time":         {"Duration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour"},
	"math/rand/v2": {"New", "NewPCG", "Rand", "PCG", "Source"},
}

type file struct {
	folder, path string
	ast          *ast.File
	test         bool
}

func sources(t *testing.T) []file {
	t.Helper()
	root := "../.."
	fset := token.NewFileSet()
	var out []file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "testdata" || path == filepath.Join(root, "bench", "peers") || name != ".." && strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		out = append(out, file{filepath.ToSlash(rel), path, parsed, strings.HasSuffix(name, "_test.go")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rule finds the floor of a folder: its own, or that of a folder above.
func rule(folder string) (string, bool) {
	for f := folder; f != "."; f = filepath.ToSlash(filepath.Dir(f)) {
		if r, ok := floors[f]; ok {
			return r, true
		}
	}
	return "", false
}

func under(folder string, allowed string) bool {
	for _, a := range strings.Fields(allowed) {
		if folder == a || strings.HasPrefix(folder, a+"/") {
			return true
		}
	}
	return false
}

func TestFloors(t *testing.T) {
	for _, f := range sources(t) {
		allowed, ok := rule(f.folder)
		if !ok {
			t.Errorf("%s: folder %s has no floor; say in floors what it may import", f.path, f.folder)
			continue
		}
		for _, imp := range f.ast.Imports {
			path, _ := strconv.Unquote(imp.Path.Value)
			target, own := strings.CutPrefix(path, module+"/")
			if !own || target == f.folder || f.test {
				continue // tests may look down from anywhere
			}
			if !under(target, allowed+" "+common) {
				t.Errorf("%s imports %s; %s may import only: %s", f.path, target, f.folder, allowed)
			}
		}
	}
}

func TestCoresDoNoIO(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || !slices.Contains(cores, f.folder) {
			continue
		}
		names := map[string]string{}
		for _, imp := range f.ast.Imports {
			path, _ := strconv.Unquote(imp.Path.Value)
			if way, bad := forbidden[path]; bad {
				t.Errorf("%s imports %s, which a core may not: %s", f.path, path, way)
			}
			if _, ok := allowedOf[path]; ok {
				name := filepath.Base(strings.TrimSuffix(path, "/v2"))
				if imp.Name != nil {
					name = imp.Name.Name
				}
				names[name] = path
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine; a core may not: let the driver", f.path)
			case *ast.ChanType, *ast.SelectStmt:
				t.Errorf("%s uses channels; a core may not: return values instead", f.path)
			case *ast.SelectorExpr:
				id, ok := n.X.(*ast.Ident)
				if path := ""; ok {
					path = names[id.Name]
					if path != "" && !slices.Contains(allowedOf[path], n.Sel.Name) {
						t.Errorf("%s uses %s.%s; a core may not: it is handed the time and the random bits", f.path, path, n.Sel.Name)
					}
				}
			}
			return true
		})
	}
}
