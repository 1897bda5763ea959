package ssmr

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/optimistic"
)

// maxProcesses bounds a local cluster.
const maxProcesses = 1024

// Config describes a cluster that StartLocal starts. The zero value is one
// partition of three replicas.
type Config struct {
	// Partitions over which the state is spread. 0 means 1.
	Partitions int
	// Replicas of each partition, an odd number: 2f+1 survive f crashes.
	// 0 means 3; 1 survives none.
	Replicas int
	// FailureTimeout is how long a process is silent before others take over
	// its part. 0 means 500 ms. Less finds crashes faster and suspects slow
	// processes wrongly, which costs time and never correctness.
	FailureTimeout time.Duration
	// Horizon is how long a command is tried before its outcome is called
	// unknown. 0 means a minute.
	Horizon time.Duration
	// Execution says whether commands are executed before their order is final,
	// too, so that a call may ask for an optimistic reply (Optimistic). The zero
	// value is Conservative: they are not.
	Execution Execution
	// NoCaches has values shipped to other partitions with every command that
	// reads them there, also where they have not changed: for comparison.
	NoCaches bool
	// Checks has replicas verify, at some cost, what they otherwise believe:
	// that immutable values are not changed and that operations are
	// deterministic. For tests.
	Checks bool
	// Client describes the cluster's own client.
	Client ClientConfig
	// TCP has the cluster's clients reach its processes over TCP, as clients
	// elsewhere do. Otherwise they hand each other their messages directly.
	TCP bool
	// Logger of the processes is silent when nil.
	Logger *slog.Logger
}

// ClientConfig describes a client. The zero value serves.
type ClientConfig struct {
	// Window is how many commands may be outstanding; further ones wait for
	// room. 0 means 25.
	Window int
	// Logger is silent when nil.
	Logger *slog.Logger
}

// Validate reports everything that is wrong with the configuration, joined.
func (c Config) Validate() error {
	var errs []error
	complain := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("ssmr: "+format, args...))
	}
	d := c.withDefaults()
	if c.Partitions < 0 {
		complain("Partitions is %d; it must be at least 1", c.Partitions)
	}
	if c.Replicas < 0 || d.Replicas%2 == 0 {
		complain("Replicas is %d; an odd number is needed (3 survive one crash)", c.Replicas)
	}
	if d.Partitions > maxProcesses || d.Replicas > maxProcesses || d.Partitions*d.Replicas > maxProcesses {
		complain("%d partitions of %d replicas are more than %d processes", d.Partitions, d.Replicas, maxProcesses)
	}
	if _, err := optimistic.ParseMode(c.Execution.String()); err != nil {
		complain("%w", err)
	}
	if c.FailureTimeout < 0 {
		complain("FailureTimeout is %v; it must not be negative", c.FailureTimeout)
	}
	if c.Horizon < 0 {
		complain("Horizon is %v; it must not be negative", c.Horizon)
	}
	if c.FailureTimeout >= 0 && c.Horizon >= 0 {
		if err := c.file().Ridge().Validate(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, c.Client.Validate())...)
}

// Validate reports everything that is wrong with the configuration, joined.
func (c ClientConfig) Validate() error {
	if most := client.DefaultTuning().Span; c.Window < 0 || c.Window > most {
		return fmt.Errorf("ssmr: Window is %d; it must be 1 to %d", c.Window, most)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Partitions == 0 {
		c.Partitions = 1
	}
	if c.Replicas == 0 {
		c.Replicas = 3
	}
	return c
}

// file is the cluster's file, without processes.
func (c Config) file() *cluster.File {
	return &cluster.File{
		Version:        cluster.Version,
		FailureTimeout: cluster.Duration(c.FailureTimeout),
		Horizon:        cluster.Duration(c.Horizon),
		Execution:      c.Execution,
		NoCaches:       c.NoCaches,
	}
}
