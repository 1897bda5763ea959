package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/apps/volery/tree"
)

// nodeJSON is a node as --json shows it.
type nodeJSON struct {
	Path     string    `json:"path"`
	Children *[]string `json:"children,omitempty"`
	// Data is base64; Text is the same where it is UTF-8.
	Data *[]byte   `json:"data,omitempty"`
	Text *string   `json:"text,omitempty"`
	Stat *statJSON `json:"stat,omitempty"`
}

type statJSON struct {
	Czxid       int64     `json:"czxid"`
	Mzxid       int64     `json:"mzxid"`
	Pzxid       int64     `json:"pzxid"`
	Ctime       time.Time `json:"ctime"`
	Mtime       time.Time `json:"mtime"`
	Version     int32     `json:"version"`
	Cversion    int32     `json:"cversion"`
	DataLength  int32     `json:"data_length"`
	NumChildren int32     `json:"num_children"`
}

func toJSON(s volery.Stat) *statJSON {
	return &statJSON{
		s.Czxid, s.Mzxid, s.Pzxid, time.UnixMilli(s.Ctime).UTC(), time.UnixMilli(s.Mtime).UTC(),
		s.Version, s.Cversion, s.DataLength, s.NumChildren,
	}
}

func (v *voleryCall) ls(ctx context.Context) error {
	path := volery.Root
	if len(v.args) > 0 {
		path = v.args[0]
	}
	names, stat, err := v.c.GetChildren(ctx, path)
	if err != nil {
		return err
	}
	if v.json {
		if names == nil {
			names = []string{}
		}
		return v.print(nodeJSON{Path: path, Children: &names, Stat: toJSON(stat)})
	}
	var b bytes.Buffer
	for _, name := range names {
		fmt.Fprintln(&b, name)
	}
	_, err = v.stdout.Write(b.Bytes())
	return err
}

func (v *voleryCall) get(ctx context.Context) error {
	data, stat, err := v.c.GetData(ctx, v.args[0])
	if err != nil {
		return err
	}
	if v.json {
		doc := nodeJSON{Path: v.args[0], Data: &data, Stat: toJSON(stat)}
		if utf8.Valid(data) {
			text := string(data)
			doc.Text = &text
		}
		return v.print(doc)
	}
	if tree.Chunked(data) {
		fmt.Fprintf(v.stderr, "eyrie volery get: this file was imported in parts, below the node; `eyrie volery export %s DIRECTORY%s` puts it together\n", quoted(v.args[0]), v.clusterFlag())
	}
	if isTerminal(v.stdout) && len(data) > 0 && data[len(data)-1] != '\n' {
		data = append(data, '\n')
	}
	_, err = v.stdout.Write(data)
	return err
}

func (v *voleryCall) set(ctx context.Context) error {
	value, err := v.value(v.args[1])
	if err != nil {
		return err
	}
	version, err := v.wantedVersion()
	if err != nil {
		return err
	}
	stat, err := v.c.SetData(ctx, v.args[0], value, version)
	return v.done(v.args[0], stat, err)
}

func (v *voleryCall) create(ctx context.Context) error {
	var value []byte
	if len(v.args) > 1 {
		var err error
		if value, err = v.value(v.args[1]); err != nil {
			return err
		}
	}
	stat, err := v.c.Create(ctx, v.args[0], value)
	return v.done(v.args[0], stat, err)
}

func (v *voleryCall) done(path string, stat volery.Stat, err error) error {
	if err == nil && v.json {
		err = v.print(nodeJSON{Path: path, Stat: toJSON(stat)})
	}
	return err
}

func (v *voleryCall) rm(ctx context.Context) error {
	path := v.args[0]
	if !v.recursive {
		version, err := v.wantedVersion()
		if err != nil {
			return err
		}
		if err := v.c.Delete(ctx, path, version); err != nil {
			return err
		}
		if v.json {
			return v.print(map[string]any{"path": path, "removed": 1})
		}
		return nil
	}
	if v.version != int(volery.AnyVersion) {
		return usageError("-r and --version do not go together: a tree has no version")
	}
	show, end := v.progress(func(p tree.Progress) string { return fmt.Sprintf("%d nodes removed", p.Removed) })
	p, err := tree.Remove(ctx, v.c, path, tree.Options{Progress: show})
	end()
	if err == nil && v.json {
		err = v.print(map[string]any{"path": path, "removed": p.Removed})
	}
	return err
}

func (v *voleryCall) stat(ctx context.Context) error {
	path := v.args[0]
	stat, ok, err := v.c.Exists(ctx, path)
	if err != nil {
		return err
	}
	if !ok {
		return &volery.Error{Op: volery.Exists.Name(), Path: path, Err: volery.ErrNoNode}
	}
	s := toJSON(stat)
	if v.json {
		return v.print(nodeJSON{Path: path, Stat: s})
	}
	w := tabwriter.NewWriter(v.stdout, 0, 0, 2, ' ', 0)
	for _, row := range []struct {
		name  string
		value any
	}{
		{"version", s.Version}, {"dataLength", s.DataLength}, {"numChildren", s.NumChildren}, {"cversion", s.Cversion},
		{"ctime", s.Ctime.Format(time.RFC3339Nano)}, {"mtime", s.Mtime.Format(time.RFC3339Nano)},
		{"czxid", s.Czxid}, {"mzxid", s.Mzxid}, {"pzxid", s.Pzxid},
	} {
		fmt.Fprintf(w, "%s\t%v\n", row.name, row.value)
	}
	return w.Flush()
}

func (v *voleryCall) wantedVersion() (int32, error) {
	version := int32(v.version)
	if int(version) != v.version || version < volery.AnyVersion {
		return 0, usageError(fmt.Sprintf("--version %d: a version is a number from 0 on, or -1 for any", v.version))
	}
	return version, nil
}

// value is what a VALUE argument stands for.
func (v *voleryCall) value(arg string) ([]byte, error) {
	switch {
	case arg == "-":
		return readValue(v.stdin)
	case strings.HasPrefix(arg, "@@"):
		return []byte(arg[1:]), nil
	case strings.HasPrefix(arg, "@"):
		f, err := os.Open(arg[1:])
		if err != nil {
			return nil, fmt.Errorf("%w (a value that begins with @ names a file; write @@ for the character)", err)
		}
		defer f.Close()
		return readValue(f)
	}
	return []byte(arg), nil
}

// readValue reads a value, or one byte more than a value may have.
func readValue(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, volery.MaxValue+1))
}
