package bench

import (
	"context"
	"errors"
	"time"
)

// Keeper keeps servers from one turn to the next as long as turns are of the
// same ones: those into which much has to be loaded first. The zero value is
// ready; it is not safe for concurrent use.
type Keeper struct {
	key     string
	servers Servers
}

// Servers are what make makes, or what it made for a turn before with the same
// key: their Start starts them only then.
func (k *Keeper) Servers(key string, make func() Servers) Servers { return &kept{k, key, make} }

// Close ends those that run.
func (k *Keeper) Close() (err error) {
	if k.servers != nil {
		err = k.servers.Close()
	}
	k.key, k.servers = "", nil
	return err
}

// Err tells that servers ended by themselves, if they can tell.
func (k *Keeper) Err() error {
	if s, ok := k.servers.(interface{ Err() error }); ok {
		return s.Err()
	}
	return nil
}

// kept are Servers in a Keeper.
type kept struct {
	k    *Keeper
	key  string
	make func() Servers
}

// Start implements Servers.
func (s *kept) Start(ctx context.Context) error {
	if s.k.servers != nil && s.k.key == s.key && s.k.Err() == nil {
		return nil
	}
	err := s.k.Close()
	s.k.key, s.k.servers = s.key, s.make()
	if e := s.k.servers.Start(ctx); e != nil {
		return errors.Join(err, e, s.k.Close())
	}
	return err
}

// Address implements Servers.
func (s *kept) Address() any { return s.k.servers.Address() }

// CPU implements Servers.
func (s *kept) CPU() time.Duration { return s.k.servers.CPU() }

// Close implements Servers: the next turn may go on with them.
func (s *kept) Close() error { return s.k.Err() }
