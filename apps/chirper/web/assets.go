package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
)

//go:embed page
var page embed.FS

// kinds are those of the files served.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// assets are the page's files: a browser asks each time whether it has the
// newest.
type assets struct{ files map[string]asset }

type asset struct {
	kind, tag string
	content   []byte
}

func newAssets() (*assets, error) {
	entries, err := page.ReadDir("page")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	a := &assets{files: map[string]asset{}}
	for _, e := range entries {
		content, err := page.ReadFile("page/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		sum := sha256.Sum256(content)
		a.files["/"+e.Name()] = asset{kinds[path.Ext(e.Name())], `"` + hex.EncodeToString(sum[:12]) + `"`, content}
	}
	a.files["/"] = a.files["/index.html"]
	return a, nil
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the page is only read", http.StatusMethodNotAllowed)
		return
	}
	f, ok := a.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Write(f.content)
}
