package graph

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/eyrie-dev/eyrie/apps/chirper"
)

// ErrFormat is wrapped by the errors of Read about what it read, which name the
// line.
var ErrFormat = errors.New("not an edge list")

// ErrDamaged is wrapped by the errors of Read about a compressed list that is
// not what was compressed.
var ErrDamaged = errors.New("damaged or cut off")

// maxLine is how long a line may be.
const maxLine = 1 << 10

// Read reads an edge list: a line for each edge, of two users' numbers with
// blanks between. What follows them is ignored, as are empty lines and those
// that begin with # or %. The list may be compressed with gzip. Edges have no
// direction: both follow each other, whether they are there once or twice.
func Read(r io.Reader) (*Graph, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := in.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return read(in)
	}
	plain, damage := gzip.NewReader(in)
	if damage == nil {
		g, err := read(plain)
		if err == nil {
			return g, nil
		}
		// What is damaged may make no sense as lines long before its checksum.
		if _, damage = io.Copy(io.Discard, plain); !isDamage(damage) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrDamaged, damage)
}

// isDamage says whether an error of a gzip.Reader is about what is compressed,
// rather than about reading it.
func isDamage(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF)
}

// read reads a list that is not compressed.
func read(in io.Reader) (*Graph, error) {
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
