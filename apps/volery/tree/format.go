package tree

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrFormat is a value that begins like one of this package's and goes on
// otherwise.
var ErrFormat = errors.New("tree: malformed value")

const (
	mark        = "#eyrie "
	chunkPrefix = "chunk-"
	// maxChunks keeps chunk names at one length and below ten digits, which
	// would place all chunks in one partition.
	maxChunks = 1_000_000
)

type kind int

const (
	plainKind kind = iota // a value without a first line of ours
	directoryKind
	symlinkKind
	fileKind
)

// entry is what a node's value says.
type entry struct {
	kind       kind
	executable bool
	body       []byte // content or target; nil if in chunks
	chunks     int    // 0: the content is in body
	size       int64  // of the content, if in chunks
	sum        [32]byte
}

func directoryValue() []byte            { return []byte(mark + "directory\n") }
func symlinkValue(target string) []byte { return []byte(mark + "symlink\n" + target) }

// fileValue is the value of a file whose content is in it.
func fileValue(content []byte, executable bool) []byte {
	switch {
	case executable:
		return append([]byte(mark+"file executable\n"), content...)
	case bytes.HasPrefix(content, []byte(mark)):
		return append([]byte(mark+"file\n"), content...)
	}
	return content
}

// chunkedValue is the value of a file whose content is in chunks.
func chunkedValue(executable bool, chunks int, size int64, sum [32]byte) []byte {
	word := ""
	if executable {
		word = " executable"
	}
	return fmt.Appendf(nil, "%sfile%s chunks=%d size=%d sha256=%x\n", mark, word, chunks, size, sum)
}

// Chunked says whether a node's value stands for a file whose content is in nodes below it.
func Chunked(value []byte) bool {
	e, err := parse(value)
	return err == nil && e.chunks > 0
}

func chunkName(i int) string { return fmt.Sprintf("%s%06d", chunkPrefix, i) }

// parse reads a node's value. It accepts what this package writes, and every
// value that does not begin with its mark.
func parse(value []byte) (entry, error) {
	if !bytes.HasPrefix(value, []byte(mark)) {
		return entry{kind: plainKind, body: value}, nil
	}
	line, body, found := bytes.Cut(value, []byte("\n"))
	words := strings.Split(string(line[len(mark):]), " ")
	e := entry{body: body}
	ok := found
	switch words[0] {
	case "directory":
		e.kind = directoryKind
		ok = ok && len(words) == 1 && len(body) == 0
	case "symlink":
		e.kind = symlinkKind
		ok = ok && len(words) == 1 && len(body) > 0
	case "file":
		e.kind = fileKind
		ok = ok && e.parseFile(words[1:])
	default:
		ok = false
	}
	if !ok {
		return entry{}, fmt.Errorf("%w: %.80q", ErrFormat, line)
	}
	return e, nil
}

func (e *entry) parseFile(words []string) bool {
	if len(words) > 0 && words[0] == "executable" {
		e.executable = true
		words = words[1:]
	}
	if len(words) == 0 {
		return true
	}
	if len(words) != 3 || len(e.body) != 0 {
		return false
	}
	var texts [3]string
	for i, name := range []string{"chunks=", "size=", "sha256="} {
		var ok bool
		if texts[i], ok = strings.CutPrefix(words[i], name); !ok {
			return false
		}
	}
	var err1, err2 error
	e.body = nil
	e.chunks, err1 = strconv.Atoi(texts[0])
	e.size, err2 = strconv.ParseInt(texts[1], 10, 64)
	sum, err3 := hex.DecodeString(texts[2])
	copy(e.sum[:], sum)
	return err1 == nil && err2 == nil && err3 == nil && len(sum) == len(e.sum) &&
		e.chunks > 0 && e.chunks <= maxChunks && e.size >= 0
}
