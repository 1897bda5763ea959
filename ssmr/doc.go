// Package ssmr is the face of Eyrie for those who design services: state that
// is partitioned, replicated and still linearizable, programmed as if it were
// one machine (dissertation, chapter 4: scalable state machine replication).
//
// # A service
//
// A service is a fixed set of parts: collections of variables, commands that
// read and write them, operations that change a value where it lives, and
// errors. A command says from its argument alone what it will touch (Access)
// and is then executed, by code that knows nothing of partitions, at every
// replica of every partition concerned, at one place in one order. See the
// package's example, a bank.
//
// # Values
//
// Values, arguments and results are stored and sent as bytes. []byte, string
// and the integers int, int32, int64, uint, uint32, uint64 are encoded
// directly; types with MarshalBinary or AppendBinary and UnmarshalBinary in
// that form; the rest as canonical msgpack, decoded strictly: an unknown
// field or a byte too many is an error. What Get returns is the caller's own.
//
// # Two replies
//
// A cluster may execute commands before their order is final, too (Execution).
// A call that asks for it (Optimistic) then has a probable reply early, and the
// linearizable one in any case; docs/optimistic-replies.md says what either is
// good for.
//
// # A cluster
//
// StartLocal starts all of it in one program, in memory. StartNode starts one of
// the processes that a file describes, with its state in a directory; Dial
// connects a client to them.
//
// # Errors
//
// An error that command code returns drops the command's writes and is the
// reply. A registered one (NewError) keeps its identity; the framework's own
// are listed with ErrOutcomeUnknown; Retryable tells which may be retried.
package ssmr
