package transport

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/eyrie-dev/eyrie/internal/wire"
)

// A process may fill larger slabs than a client: there are few of them, and
// their frames are large. One has room for an instance of Ridge, by its default
// bounds, and for what is around it.
const (
	slabMin     = 2 << 10
	slabMax     = 64 << 10
	slabProcess = 288 << 10

	// A slab for frames of slabMin or more has room for whole ones, if they are like
	// the largest of late, and so much besides, for small ones between them: what is cut
	// at a slab's end is copied to the next.
	slabSpare = slabMin / 2
)

// frameReader cuts a stream into frames. It reads into slabs, as much at a
// time as fits, and hands frames out where they lie: messages alias the slab,
// which lives as long as the last of them. Slabs grow when reads fill them and
// shrink when they do not, so that an idle connection holds little.
//
// A frame longer than a slab gets a buffer that grows with the bytes that have
// really come, whatever length it claims, and beyond the largest slab is counted
// against a budget shared by all connections.
type frameReader struct {
	r      io.Reader
	budget *atomic.Int64 // bytes left for larger buffers

	buf        []byte
	start, end int  // the bytes read and not yet handed out
	shared     bool // messages may alias buf
	large      int  // size of the largest frame of late that fits a slab
	size       int  // of the next slab
	most       int  // size's bound
	reserved   int64
}

func newFrameReader(r io.Reader, budget *atomic.Int64, most int) *frameReader {
	return &frameReader{r: r, budget: budget, size: slabMin, most: most}
}

// read reads once. Afterwards next hands out the frames that are complete.
func (f *frameReader) read() (int, error) {
	b, err := f.space()
	if err != nil {
		return 0, err
	}
	n, err := f.r.Read(b)
	f.took(n)
	if n > 0 {
		err = nil // a lasting error comes again
	}
	return n, err
}

// space is where the next bytes are to be read to.
func (f *frameReader) space() ([]byte, error) {
	err := f.room()
	return f.buf[f.end:], err
}

// took takes note that n bytes were read to space.
func (f *frameReader) took(n int) {
	switch free := len(f.buf) - f.end; {
	case n == free:
		f.size = min(2*f.size, f.most)
	case n < f.size/8:
		f.size = max(f.size/2, slabMin)
	}
	f.end += n
}

// few says whether this is one of a few readers, those of processes: while they are
// idle they may hold what they needed last.
func (f *frameReader) few() bool { return f.most > slabMax }

// room makes room for the next read.
func (f *frameReader) room() error {
	if f.start == f.end && !f.shared {
		f.start, f.end = 0, 0
	}
	have := f.end - f.start
	need, err := frameSize(f.buf[f.start:f.end])
	if err != nil {
		return err
	}
	free, like := len(f.buf)-f.end, max(need, f.large)
	size := f.size
	if f.few() { // and trusted with a slab for a frame that has yet to come
		size = max(size, min(like+slabSpare, f.most))
	}
	switch {
	case need > have+free && need <= size:
		// It is to be copied in any case: the sooner, the less of it.
	case have == 0 && free < min(like, size)/2:
		// What comes here would be copied, but for small frames.
	case free >= slabMin/4 && free >= min(like-have, slabMin):
		return nil
	}
	size = max(size, min(need, 4*have))
	if size == need {
		size += slabMin // and the beginning of what follows
	} else if n := (size - slabSpare) / max(like, slabMin); n > 0 && like >= slabMin {
		size = n*like + slabSpare
	}
	if err := f.reserve(size); err != nil {
		return err
	}
	buf := wire.Unwritten(size)
	f.end = copy(buf, f.buf[f.start:f.end])
	f.buf, f.start, f.shared = buf, 0, false
	f.large -= f.large / 8
	return nil
}

func (f *frameReader) reserve(size int) error {
	extra := int64(max(0, size-f.most))
	if extra > f.reserved && f.budget.Add(f.reserved-extra) < 0 {
		f.budget.Add(extra - f.reserved)
		return fmt.Errorf("%w: no room for %d bytes beside other large ones", errFrame, size)
	} else if extra < f.reserved {
		f.budget.Add(f.reserved - extra)
	}
	f.reserved = extra
	return nil
}

// next returns the next complete frame, nil if there is none yet.
func (f *frameReader) next() ([]byte, error) {
	b := f.buf[f.start:f.end]
	n, err := frameSize(b)
	if err != nil || n == 0 || n > len(b) {
		return nil, err
	}
	f.start += n
	if n <= f.most-slabSpare {
		f.large = max(f.large, n)
	}
	if n > frameHeader {
		f.shared = true
	}
	return b[:n:n], nil
}

// close gives the reader's budget back.
func (f *frameReader) close() {
	f.budget.Add(f.reserved)
	f.reserved = 0
}

// messages decodes what is complete, appending to ms. It returns the number and
// size of the frames.
func (f *frameReader) messages(ms []wire.Message, decode wire.Decoder) (_ []wire.Message, frames, size int, err error) {
	for {
		frame, err := f.next()
		if frame == nil || err != nil {
			return ms, frames, size, err
		}
		frames++
		size += len(frame)
		if ms, err = decodeFrame(ms, frame, decode); err != nil {
			return ms, frames, size, err
		}
	}
}
