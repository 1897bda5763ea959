package tree

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// Client is what is needed of a *volery.Client. Its methods are called
// concurrently, Options.Window of them at a time.
type Client interface {
	Create(ctx context.Context, path string, data []byte) (volery.Stat, error)
	Delete(ctx context.Context, path string, version int32) error
	GetChildren(ctx context.Context, path string) ([]string, volery.Stat, error)
	GetData(ctx context.Context, path string) ([]byte, volery.Stat, error)
	SetData(ctx context.Context, path string, data []byte, version int32) (volery.Stat, error)
}

var _ Client = (*volery.Client)(nil)

// Options of Import, Export and Remove; the zero value serves.
type Options struct {
	// Window is the number of outstanding calls; 0 means 25.
	Window int
	// Split is the length in bytes above which Import splits a value; 0
	// means volery.MaxValue, which is also the most.
	Split int
	// Chunk is the length of the parts; 0 means 256 KiB, or Split if that is
	// less. Shorter messages wait less for each other: four of 256 KiB are
	// several times as fast as one of 1 MiB.
	Chunk int
	// Overwrite: Import changes nodes that differ; Export writes into a
	// directory that is not empty, and replaces files there. What is not in
	// the tree to be copied stays.
	Overwrite bool
	// Progress, if not nil, is called after each node and each chunk, by one
	// goroutine at a time. It must be quick.
	Progress func(Progress)
}

// Progress is how far a copy has come.
type Progress struct {
	Directories, Files, Links int
	// Unchanged nodes are among these; Import found them as they should be.
	Unchanged int
	// Skipped devices, sockets and pipes: what Import cannot copy.
	Skipped int
	// Removed nodes; only Remove counts them.
	Removed int
	// Bytes of files' content.
	Bytes int64
	// Path is the node that was done last.
	Path string
}

// Errors of this package, beside those of volery and of package os.
var (
	// ErrConflict: a node is there already, with another value, and
	// Overwrite was not given (or would not help, as it has children).
	ErrConflict = errors.New("tree: the node exists and differs")
	// ErrUnsupported: a device, socket or pipe was met. All else is imported.
	ErrUnsupported = errors.New("tree: neither a directory, a file, nor a symbolic link")
	// ErrChanged: what is copied was changed meanwhile.
	ErrChanged = errors.New("tree: changed while it was copied")
	// ErrIncomplete: a file's chunks are not all there, or not the file's:
	// its import was not finished.
	ErrIncomplete = errors.New("tree: incomplete file")
	// ErrMixed: a node has both a value and children, which no file and no
	// directory has.
	ErrMixed = errors.New("tree: the node has both a value and children")
	// ErrNotDirectory: what is to be copied is no directory.
	ErrNotDirectory = errors.New("tree: not a directory")
	// ErrTargetNotEmpty: Export was told to write where something is.
	ErrTargetNotEmpty = errors.New("tree: the target directory is not empty")
	// ErrOptions: an option has an impossible value.
	ErrOptions = errors.New("tree: bad options")
)

// Attempts at a call whose outcome is unknown. What is retried does no harm
// when it is done twice.
const Attempts = 3

// work is what Import and Export share.
type work struct {
	pool
	c Client
	o Options

	progress   sync.Mutex
	progressed Progress
}

func newWork(c Client, o Options) (*work, error) {
	const smallest = 256 // room for every first line of format.go
	if o.Window == 0 {
		o.Window = 25
	}
	if o.Split == 0 {
		o.Split = volery.MaxValue
	}
	if o.Chunk == 0 {
		o.Chunk = min(o.Split, 256<<10)
	}
	if o.Window < 1 || o.Split < smallest || o.Split > volery.MaxValue || o.Chunk < 1 || o.Chunk > volery.MaxValue {
		return nil, fmt.Errorf("%w: Window %d and Chunk %d must be positive, Split at least %d, Split and Chunk at most %d",
			ErrOptions, o.Window, o.Chunk, smallest, volery.MaxValue)
	}
	return &work{c: c, o: o}, nil
}

// report changes the progress and shows it.
func (w *work) report(change func(*Progress)) {
	w.progress.Lock()
	defer w.progress.Unlock()
	change(&w.progressed)
	if w.o.Progress != nil {
		w.o.Progress(w.progressed)
	}
}

// again says whether a call is worth another attempt.
func again(ctx context.Context, err error) bool {
	return ctx.Err() == nil && (errors.Is(err, ssmr.ErrOutcomeUnknown) || errors.Is(err, ssmr.ErrOverloaded))
}

// getData reads a node; reads may be repeated freely.
func (w *work) getData(ctx context.Context, path string) (data []byte, stat volery.Stat, err error) {
	for range Attempts {
		if data, stat, err = w.c.GetData(ctx, path); !again(ctx, err) {
			break
		}
	}
	return data, stat, err
}

func (w *work) getChildren(ctx context.Context, path string) (names []string, err error) {
	for range Attempts {
		if names, _, err = w.c.GetChildren(ctx, path); !again(ctx, err) {
			break
		}
	}
	return names, err
}
