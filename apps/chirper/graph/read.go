package graph

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/eyrie-dev/eyrie/apps/chirper"
)

// ErrFormat is wrapped by the errors of Read about what it read, which name the
// line.
var ErrFormat = errors.New("not an edge list")

// maxLine is how long a line may be.
const maxLine = 1 << 10

// Read reads an edge list: a line for each edge, of two users' numbers with
// blanks between. What follows them is ignored, as are empty lines and those
// that begin with # or %. The list may be compressed with gzip. Edges have no
// direction: both follow each other, whether they are there once or twice.
func Read(r io.Reader) (*Graph, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		plain, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		in = bufio.NewReaderSize(plain, 64<<10)
	}
	var (
		numbers []chirper.User
		index   = map[chirper.User]uint32{}
		edges   []edge
	)
	indexOf := func(u chirper.User) uint32 {
		i, ok := index[u]
		if !ok {
			i = uint32(len(numbers))
			numbers, index[u] = append(numbers, u), i
		}
		return i
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 2*maxLine), maxLine)
	n := 0
	for lines.Scan() {
		n++
		a, b, ok, err := parse(lines.Bytes())
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w: %w", n, ErrFormat, err)
		case !ok:
			continue
		case len(edges) == MaxEdges:
			return nil, fmt.Errorf("line %d: %w: more than %d edges", n, ErrTooLarge, MaxEdges)
		}
		edges = append(edges, edge{indexOf(a), indexOf(b)})
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d: %w: longer than %d bytes", n+1, ErrFormat, maxLine)
	case err != nil:
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	case len(edges) == 0:
		return nil, fmt.Errorf("%w: no edges in %d lines", ErrFormat, n)
	}
	return build(numbers, edges), nil
}

// parse reads a line; ok is false for one without an edge.
func parse(line []byte) (a, b chirper.User, ok bool, err error) {
	fields := bytes.Fields(line)
	if len(fields) == 0 || fields[0][0] == '#' || fields[0][0] == '%' {
		return 0, 0, false, nil
	}
	if len(fields) < 2 {
		return 0, 0, false, fmt.Errorf("%q is not two numbers", line)
	}
	if a, err = chirper.ParseUser(string(fields[0])); err == nil {
		b, err = chirper.ParseUser(string(fields[1]))
	}
	return a, b, err == nil, err
}
