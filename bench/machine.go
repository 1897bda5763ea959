package bench

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/heapfloor"
)

// Machine describes where and with what the figures were made, for people:
// hardware, kernel, Go, its settings that matter, and module versions.
func Machine(modules ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "machine: %s, %d CPUs (GOMAXPROCS %d), %s memory, %s %s\n",
		procField("/proc/cpuinfo", "model name", runtime.GOARCH), runtime.NumCPU(), runtime.GOMAXPROCS(0),
		memory(), runtime.GOOS, firstLine("/proc/sys/kernel/osrelease"))
	gogc := os.Getenv("GOGC")
	if gogc == "" {
		gogc = "100"
	}
	fmt.Fprintf(&b, "built with %s, GOGC %s%s", runtime.Version(), gogc, heapfloor.Describe())
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return b.String() + "\n"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			fmt.Fprintf(&b, ", revision %.12s", s.Value)
		}
	}
	for _, m := range info.Deps {
		if slices.Contains(modules, m.Path) {
			fmt.Fprintf(&b, ", %s %s", m.Path, m.Version)
		}
	}
	return b.String() + "\n"
}

func memory() string {
	kib, err := strconv.Atoi(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal", ""), " kB"))
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
}

func firstLine(file string) string {
	b, _ := os.ReadFile(file)
	s, _, _ := strings.Cut(string(b), "\n")
	return s
}

// procField is the value of the first line "name : value" of a file.
func procField(file, name, otherwise string) string {
	b, _ := os.ReadFile(file)
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return otherwise
}

// busy is a reading of the machine's processor time, summed over CPUs. Zero
// where it is not known.
type busy struct{ used, all time.Duration }

// machineTime reads /proc/stat, which counts in ticks of 10 ms. Steal (time
// that the hypervisor gave to others) counts as used.
func machineTime() busy {
	var m busy
	for i, f := range strings.Fields(firstLine("/proc/stat")) {
		ticks, err := strconv.ParseInt(f, 10, 64)
		if i == 0 || i > 8 || err != nil {
			continue // "cpu"; guest time, which user time contains
		}
		d := time.Duration(ticks) * 10 * time.Millisecond
		m.all += d
		if i != 4 && i != 5 { // idle, iowait
			m.used += d
		}
	}
	return m
}

// others is the share of the machine that others than us used since before.
func (m busy) others(before busy, us time.Duration) float64 {
	all := m.all - before.all
	if all <= 0 {
		return 0
	}
	return max(0, float64(m.used-before.used-us)/float64(all))
}
