package ssmr

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/eyrie-dev/eyrie/partition"
)

// Operation is a registered change of a value: Update applies it where the
// value lives, and ships nothing. A is its argument, V the value's type.
type Operation[V, A any] struct {
	id    identity
	apply func(old V, ok bool, arg A) V
	slide func(old []byte, ok bool, arg A) (drop int, more []byte) // instead of apply
	value valueCodec[V]
	arg   valueCodec[A]
	operationOptions
}

// OperationOption is an option of NewOperation and NewSliding.
type OperationOption func(*operationOptions)

type operationOptions struct{ commutes bool }

// Commutative promises that the order in which the operation is applied makes no
// difference: whatever the value, and there being none, of two arguments one
// after the other come the same bytes both ways. Commands that declare such an
// update (Collection.Updates) then do not wait for each other, however many
// reach one variable, and partitions do not wait for each other on their behalf.
//
// Adding a number commutes; putting into a set does if its encoding says nothing
// of the order in which it came about, and keeping the n greatest does. The
// promise is about all that happens: such an operation must not panic, and must
// keep its values bounded by itself, since what comes on top of a full one would
// depend on what came first. Replicas apply the updates in different orders: a
// promise that does not hold makes them diverge. CheckCommutative is for tests.
func Commutative() OperationOption { return func(o *operationOptions) { o.commutes = true } }

// NewOperation names a change. Apply gets the old value (the zero value and
// false if the variable does not exist) and returns the new one. It must be
// deterministic, total and without memory: if it panics, its variable keeps
// its old value, everywhere, and the command goes on as if nothing had
// happened [N1]. It may change and return old.
func NewOperation[V, A any](name string, apply func(old V, ok bool, arg A) V, options ...OperationOption) *Operation[V, A] {
	return (&Operation[V, A]{
		id:    identity{name: name},
		apply: apply,
		value: valueCodecOf[V](),
		arg:   valueCodecOf[A](),
	}).with(options)
}

// NewSliding names a change that keeps a stretch of a value's encoding: the new
// one is old[drop:] followed by more. What is kept is not copied each time, so
// that a long value of which little changes, such as a list that grows at its end
// and is cut at its beginning, costs what changes. Slide gets the encoding as it
// is stored, or nothing and false; it must change neither that nor its argument,
// which is the same for all values that a command slides. The rest is as for
// NewOperation; a drop that is out of range counts as a panic.
func NewSliding[V, A any](name string, slide func(old []byte, ok bool, arg A) (drop int, more []byte), options ...OperationOption) *Operation[V, A] {
	return (&Operation[V, A]{
		id:    identity{name: name},
		slide: slide,
		value: valueCodecOf[V](),
		arg:   valueCodecOf[A](),
	}).with(options)
}

func (o *Operation[V, A]) with(options []OperationOption) *Operation[V, A] {
	for _, set := range options {
		set(&o.operationOptions)
	}
	return o
}

// OperationOn is an operation on values of a type, whatever its argument.
type OperationOn[V any] interface{ on(V) *identity }

func (o *Operation[V, A]) on(V) *identity { return &o.id }

// CheckCommutative applies all pairs of arguments, in both orders, to no value and
// to all that come of them, a few rounds on, and returns an error for the first
// that makes a difference: for tests of operations that are Commutative.
func (o *Operation[V, A]) CheckCommutative(args ...A) error {
	raw := make([][]byte, len(args))
	for i, a := range args {
		raw[i] = must(o.arg.append(nil, a))
	}
	apply := o.run
	if o.slide != nil {
		apply = o.runWhole
	}
	var old []byte
	for there, n := false, 0; n <= len(raw); n++ {
		for i, a := range raw {
			for _, b := range raw[i+1:] {
				if !bytes.Equal(apply(apply(old, there, a), true, b), apply(apply(old, there, b), true, a)) {
					return fmt.Errorf("operation %q does not commute: %x, after %d others, with %x and %x", o.id.name, old, n, a, b)
				}
			}
		}
		if n < len(raw) {
			old, there = apply(old, there, raw[n]), true
		}
	}
	return nil
}

// Change is an operation with its argument, ready for Update.
type Change[V any] struct {
	op  *identity
	arg []byte
}

// With is the operation with an argument.
func (o *Operation[V, A]) With(arg A) Change[V] {
	return Change[V]{op: &o.id, arg: must(o.arg.append(nil, arg))}
}

func (o *Operation[V, A]) addTo(s *Service, prefix string) {
	_, known := s.operations[&o.id]
	if !s.claim("operation", prefix+o.id.name, known, len(s.def.Operations)) {
		return
	}
	if err := cmp.Or(o.value.err, o.arg.err); err != nil {
		s.complain(fmt.Errorf("operation %q: %w", o.id.name, err))
	}
	o.id.join(s, s.operations, len(s.def.Operations))
	op := partition.Operation{Name: prefix + o.id.name, Apply: o.run, Commutes: o.commutes}
	if o.slide != nil {
		op.Apply, op.Slide = o.runWhole, o.runSlide
	}
	s.def.Operations = append(s.def.Operations, op)
}

func (o *Operation[V, A]) runSlide(arg []byte) partition.Sliding {
	a := must(o.arg.decode(arg, false))
	return func(old []byte, ok bool) (drop int, more []byte) { return o.slide(old, ok, a) }
}

// runWhole is runSlide with its result put together.
func (o *Operation[V, A]) runWhole(old []byte, ok bool, arg []byte) []byte {
	return o.runSlide(arg).Value(old, ok)
}

// run panics on bytes that do not decode; by contract that leaves the value
// as it was.
func (o *Operation[V, A]) run(old []byte, ok bool, arg []byte) []byte {
	var v V
	if ok {
		v = must(o.value.decode(old, false))
	}
	return must(o.value.append(nil, o.apply(v, ok, must(o.arg.decode(arg, false)))))
}

// must ends the command: a value that cannot be encoded, or a stored one that
// cannot be decoded, is a mistake in the service, the same at every replica.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
