package partition

// room is memory with a value at its end so far, and free memory behind it for
// what operations put there: a value of which each command changes a little, at
// its ends, is not copied each time.
//
// Invariant: a byte of it is written once, before any value has it. So a value
// never changes, as everywhere, though several share a room.
type room struct {
	// taken is what values have had of it; the capacity behind it is free.
	taken []byte
}

// maxSlack bounds the memory that a value keeps alive, in multiples of its
// length, and slackFloor is what it may be at least.
const (
	maxSlack   = 4
	slackFloor = 1 << 10
)

// slide is old[drop:] with more behind it, and the room that it is in. If old,
// which may be in a room, is what was put there last, more is put behind it;
// else, if something came after old that is not to be, or the room is full, there
// is a new one.
func slide(old []byte, in *room, drop int, more []byte) ([]byte, *room) {
	kept := old[drop:]
	n := len(kept) + len(more)
	if in == nil || !in.endsWith(kept) || len(in.free()) < len(more) || cap(in.taken) > maxSlack*n+slackFloor {
		in = &room{make([]byte, 0, 2*n)}
		in.taken = append(in.taken, kept...)
	}
	in.taken = append(in.taken, more...)
	end := len(in.taken)
	return in.taken[end-n : end : end], in
}

// free is the memory behind what was taken.
func (r *room) free() []byte { return r.taken[len(r.taken):cap(r.taken)] }

// endsWith says whether b is the end of what was taken: that very memory.
func (r *room) endsWith(b []byte) bool {
	return len(b) > 0 && len(b) <= len(r.taken) && &b[len(b)-1] == &r.taken[len(r.taken)-1]
}
