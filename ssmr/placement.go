package ssmr

// CollectionOption is an option of NewCollection.
type CollectionOption func(*collectionOptions)

type collectionOptions struct {
	keys       any // KeyCodec[K]
	place      any // func(K) string
	diff       any // *differ[V]
	everywhere bool
	immutable  bool
}

// WithKeyCodec encodes keys by a codec of the service's own.
func WithKeyCodec[K comparable](codec KeyCodec[K]) CollectionOption {
	return func(o *collectionOptions) { o.keys = codec }
}

// PlacedBy places a variable by the hash of a function of its key: variables
// for which it returns the same live in the same partition. It must be a pure
// function; changing it later would lose the variables.
func PlacedBy[K comparable](place func(K) string) CollectionOption {
	return func(o *collectionOptions) { o.place = place }
}

// PlacedWith places a variable in the partition of another collection's
// variable, whose key is a function of this one's.
func PlacedWith[K, L comparable, W any](other *Collection[L, W], key func(K) L) CollectionOption {
	return PlacedBy(func(k K) string { return other.PlaceOf(key(k)).key })
}

// Everywhere keeps every variable of the collection at all partitions: read
// at any, written at all.
func Everywhere() CollectionOption {
	return func(o *collectionOptions) { o.everywhere = true }
}

// Immutable promises that the service never changes a value it got from Get
// or Range, or gave to Put. Byte slices are then not copied [E2]. Replicas in
// checked mode find promises that are broken.
func Immutable() CollectionOption {
	return func(o *collectionOptions) { o.immutable = true }
}

// Place is where variables live: those with one Place live in one partition.
type Place struct{ key string }

// PlaceOf is where a variable lives. A key that cannot be encoded lives
// nowhere; its access item carries the error.
func (c *Collection[K, V]) PlaceOf(k K) Place {
	name, err := nameOf(c.keys, k)
	if err != nil {
		return Place{}
	}
	if c.place == nil {
		return Place{key: name}
	}
	return Place{key: c.place(name)}
}
