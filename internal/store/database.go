package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"
)

// memTableSize bounds what Badger holds in memory before it writes a table. A
// transaction takes 15 % of it, which must be above the value threshold.
const memTableSize = 8 << 20

// settings are Badger's: in managed mode versions are ours. No value reaches
// the threshold, so the value log, whose failures Badger does not report, is
// never used. No compression, so no cache of blocks; every block's checksum is
// verified when it is read.
func settings(path string) badger.Options {
	o := badger.DefaultOptions(path)
	o.Logger, o.MetricsEnabled, o.DetectConflicts = nil, false, false
	o.SyncWrites, o.NumVersionsToKeep = true, 1
	o.MemTableSize, o.NumMemtables = memTableSize, 2
	o.ValueThreshold, o.ValueLogFileSize = 1<<20, 1<<20
	// A checkpoint's items are spread over all keys. With a base level of 10 MiB and
	// four tables above it, each byte of a checkpoint of a twentieth of a million
	// variables is written 10.8 times; so, 7.2 times, at a fifth less CPU.
	o.NumCompactors, o.NumLevelZeroTables, o.NumLevelZeroTablesStall = 2, 6, stallTables
	o.BaseLevelSize = 32 << 20
	// Compactions rest after each table. With tables of half the default size they
	// write as much, at the same cost.
	o.BaseTableSize = 1 << 20
	o.BlockSize, o.Compression, o.BlockCacheSize = 16<<10, options.None, 0
	o.ChecksumVerificationMode = options.OnBlockRead
	// The directory is the store's own. Badger's lock would be held a moment
	// longer by any process that this one forks just before it closes a database.
	o.BypassLockGuard = true
	return o
}

// database is one Badger database.
type database struct {
	path string
	db   *badger.DB // nil: closed
	// kept are the checkpoints that are durable, newest first.
	kept []manifest
	// large: there has been an item of several chunks.
	large bool
	// checked: the tables were found good in this life of the process.
	checked bool
	pace    *pacer // of db
}

// open opens the database and reads its manifests. What Badger says and does
// when its files are damaged, panics among it, is an ErrDamaged; checkTables
// finds most of it before Badger's own goroutines could.
func (d *database) open() error { return d.openWith(settings) }

func (d *database) openWith(settings func(string) badger.Options) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s: Badger panicked: %v", ErrDamaged, d.path, p)
		}
	}()
	if !d.checked {
		if err := checkTables(d.path); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, d.path, err)
		}
		d.checked = true
	}
	if err := removeEmptyLogs(d.path); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	pace := newPacer()
	db, err := badger.OpenManaged(settings(d.path).WithLogger(pace))
	if err != nil {
		if isDisk(err) {
			return fmt.Errorf("store: %s: %w", d.path, err)
		}
		return fmt.Errorf("%w: %s: %w", ErrDamaged, d.path, err)
	}
	d.db, d.pace = db, pace
	pace.opened(db)
	if err := d.readManifests(); err != nil {
		return errors.Join(fmt.Errorf("%w: %s: %w", ErrDamaged, d.path, err), d.close())
	}
	d.discard()
	return nil
}

// removeEmptyLogs removes logs of no bytes, which Badger would refuse to open:
// it creates a log before it gives it its size, and cuts one off before it
// removes it, and a power cut may come between. Nothing in them is missed: in the
// one nothing was synced yet, and the other's contents are in a table.
func removeEmptyLogs(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a new one
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext != ".mem" && ext != ".vlog" {
			continue
		}
		info, err := e.Info()
		if err == nil && info.Size() == 0 {
			err = os.Remove(filepath.Join(path, e.Name()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isDisk tells errors of the operating system, which say nothing of the
// contents, from those of the contents.
func isDisk(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p) && !errors.Is(err, fs.ErrNotExist)
}

func (d *database) close() error {
	if d.db == nil {
		return nil
	}
	d.pace.close()
	err := d.db.Close()
	d.db, d.pace = nil, nil
	if err != nil {
		return fmt.Errorf("store: %s: %w", d.path, err)
	}
	return nil
}

// readManifests finds the newest checkpoints. A manifest that is damaged is as
// none: the items then prove, or not, the one before.
func (d *database) readManifests() error {
	d.kept, d.large = nil, false
	txn := d.db.NewTransactionAt(^uint64(0), false)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{prefixManifest}, PrefetchValues: false})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		b, err := it.Item().ValueCopy(nil)
		if err != nil {
			return err
		}
		m, err := decodeManifest(b)
		if err != nil || string(it.Item().Key()) != string(manifestKey(m.version)) || it.Item().Version() != m.version {
			continue
		}
		d.kept = append(d.kept, m)
		d.large = d.large || it.Item().UserMeta() == hasLarge
	}
	slices.Reverse(d.kept) // keys ascend by version
	return nil
}

// User metadata of a manifest, and of a chunk.
const (
	hasLarge = 1 // there has been an item of several chunks
	hasMore  = 1 // another chunk of the item follows
)

// discard lets Badger forget what no kept checkpoint needs.
func (d *database) discard() {
	if len(d.kept) > 0 {
		d.db.SetDiscardTs(d.kept[len(d.kept)-1].version)
	}
}

// checkTables reads every block of every table that Badger's list has, with
// its checksum. Badger verifies a block when it reads it, but its iterators, and
// so its compactions, take a bad block for the end of a table.
func checkTables(path string) error {
	f, err := os.Open(filepath.Join(path, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a new one
	}
	if err != nil {
		return err
	}
	defer f.Close()
	list, _, err := badger.ReplayManifestFile(f, 0, settings(path))
	if err != nil {
		return err
	}
	for id := range list.Tables {
		if err := checkTable(table.NewFilename(id, path)); err != nil {
			return err
		}
	}
	return nil
}

func checkTable(name string) (err error) {
	m, err := z.OpenMmapFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: a block does not have its checksum, or the table's index is unreadable: %v", name, p)
		}
		m.Close(-1)
	}()
	o := settings("")
	_, err = table.OpenTable(m, table.Options{ReadOnly: true, BlockSize: o.BlockSize, ChkMode: options.OnTableAndBlockRead})
	return err
}
