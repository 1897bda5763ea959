package powercut

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/journal"
	"github.com/eyrie-dev/eyrie/internal/store"
	"github.com/eyrie-dev/eyrie/internal/vfs"
)

func init() { children["writer"] = writerMain }

// report is the writer's side of the pipe, which is not on the disk:
//
//	o OP        opened; the next operation
//	a OP E I SIZE TRIM   appended, before its commit
//	d OP        durable up to it: the acknowledgement
//	O N         the store is open; the newest checkpoint
//	b N SALT WHOLE       a checkpoint is begun
//	c N         it is durable
type report struct {
	mu sync.Mutex
	w  *bufio.Writer
}

func (r *report) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.w, format+"\n", args...)
	if format[0] != 'a' {
		r.w.Flush()
	}
}

func (r *report) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w.Flush()
}

// writerMain writes to a journal and a store until it is killed, or for so many
// steps: args are the directory, a seed, the operation to begin with, and the
// steps; 0 steps: no end. Its exit code is 3 when the disk failed it.
func writerMain(args []string) int {
	seed, _ := strconv.ParseUint(args[1], 10, 64)
	next, _ := strconv.ParseUint(args[2], 10, 64)
	steps, _ := strconv.Atoi(args[3])
	if steps == 0 {
		go func() { // not to outlive a parent that was killed
			io.Copy(io.Discard, os.Stdin)
			os.Exit(1)
		}()
	}
	out := &report{w: bufio.NewWriterSize(os.Stdout, 64<<10)}
	ended := make(chan error, 2)
	go func() { ended <- writeJournal(args[0], seed, next, steps, out) }()
	go func() { ended <- writeStore(filepath.Join(args[0], "checkpoints"), seed, steps, out) }()
	for range 2 {
		if err := <-ended; err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 3
		}
	}
	return 0
}

// writeJournal does what a driver does: while a batch is committed, the next one gathers.
func writeJournal(dir string, seed, op uint64, steps int, out *report) error {
	fsys, err := vfs.OS(dir)
	if err != nil {
		return err
	}
	last, trimmed := map[uint32]uint64{}, map[uint32]uint64{}
	visit := func(r journal.Record) error {
		last[r.Ensemble] = max(last[r.Ensemble], r.Instance)
		if r.Instance == 0 {
			trimmed[r.Ensemble] = binary.LittleEndian.Uint64(r.Body)
		}
		return nil
	}
	j, err := journal.Open(fsys, "journal", journalID, small, visit)
	if errors.Is(err, fs.ErrNotExist) {
		if err = journal.Create(fsys, "journal", journalID); err != nil {
			return err
		}
		j, err = journal.Open(fsys, "journal", journalID, small, visit)
	}
	if err != nil {
		return err
	}
	for e, t := range trimmed {
		j.Trim(e, t)
		last[e] = max(last[e], t)
	}
	out.say("o %d", op)
	rng := rand.New(rand.NewPCG(seed, op))
	done := make(chan *journal.Batch)
	commit := func(b *journal.Batch) {
		for errors.Is(b.Commit(), journal.ErrNoRoom) {
			time.Sleep(time.Millisecond)
		}
		done <- b
	}
	var flying, chore *journal.Batch
	upTo := uint64(0) // the last operation of flying
	began := time.Now()
	for step := 0; steps == 0 || step < steps || flying != nil || chore != nil; step++ {
		if steps == 0 || step < steps {
			for range 1 + rng.IntN(5) {
				a := someRecord(rng, op, last, trimmed)
				op++
				out.say("a %d %d %d %d %d", a.op, a.ensemble, a.instance, a.size, a.trim)
				j.Append(a.ensemble, a.instance, a.body())
				if a.instance == 0 {
					j.Trim(a.ensemble, a.trim)
				}
			}
		}
		out.flush()
		if b := j.Take(); b != nil {
			flying, upTo = b, op-1
			go commit(b)
		}
		if u := j.Upkeep(time.Since(began)); u != nil {
			chore = u
			go commit(u)
		}
		for range 2 {
			if flying == nil && chore == nil {
				break
			}
			b := <-done
			if _, err := j.Done(b); err != nil {
				return err
			}
			if b == flying {
				flying = nil
				out.say("d %d", upTo)
				break
			}
			chore = nil
		}
	}
	return j.Close()
}

// someRecord is a vote, a later vote for the same instance, or a state that trims.
func someRecord(rng *rand.Rand, op uint64, last, trimmed map[uint32]uint64) appended {
	a := appended{op: op, ensemble: rng.Uint32N(3), size: rng.IntN(600)}
	switch n := rng.IntN(20); {
	case n == 0:
		a.size = 10_000 + rng.IntN(40_000)
	case n <= 2 && last[a.ensemble] > trimmed[a.ensemble]:
		a.instance = last[a.ensemble]
	case n <= 4:
		a.trim = max(trimmed[a.ensemble], last[a.ensemble]-min(last[a.ensemble], rng.Uint64N(30)))
		trimmed[a.ensemble] = a.trim
		return a
	}
	if a.instance == 0 {
		last[a.ensemble]++
		a.instance = last[a.ensemble]
	}
	return a
}

// writeStore writes one checkpoint after another.
func writeStore(dir string, seed uint64, steps int, out *report) error {
	s, err := store.Open(dir)
	if err != nil {
		return err
	}
	s.Reserve = 1 << 20
	if s.Damaged != nil {
		return s.Damaged
	}
	state, number := items{}, uint64(0)
	if kept := s.Newest(); len(kept) > 0 {
		number = kept[0].Number
		if state, err = load(s, number); err != nil {
			return err
		}
	}
	out.say("O %d", number)
	rng := rand.New(rand.NewPCG(seed, number))
	for step := 0; steps == 0 || step < (steps+3)/4; step++ {
		number++
		salt, whole := rng.Uint64(), rng.IntN(12) == 0
		changes := state.changes(number, salt, whole)
		out.say("b %d %d %v", number, salt, whole)
		w, err := begin(s, number, salt, whole, changes)
		if err != nil {
			return err
		}
		half := len(changes) / 2
		if err := errors.Join(w.Add(changes[:half]), w.Add(changes[half:])); err != nil {
			return err
		}
		if rng.IntN(8) == 0 {
			w.Abort()
			number--
			continue
		}
		state = state.with(changes, whole)
		if err := w.Commit(state.sum(), []byte("manifest"), number-1); err != nil {
			return err
		}
		out.say("c %d", number)
		if rng.IntN(6) == 0 {
			if err := s.Rest(); err != nil {
				return err
			}
		}
	}
	return s.Close()
}

// begin begins a checkpoint; half of the whole ones are received.
func begin(s *store.Badger, number, salt uint64, whole bool, changes []store.Item) (store.Writer, error) {
	if !whole || salt%2 == 0 {
		return s.Begin(number, whole)
	}
	slices.SortFunc(changes, func(a, b store.Item) int { return bytes.Compare(a.Key, b.Key) })
	return s.Receive(number)
}

func load(s *store.Badger, number uint64) (items, error) {
	m := items{}
	err := s.Load(number, func(some []store.Item) error {
		for _, x := range some {
			m[string(x.Key)] = append([]byte{}, x.Value...)
		}
		return nil
	})
	return m, err
}
