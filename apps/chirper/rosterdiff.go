package chirper

import "encoding/binary"

// diffRosters tells a roster by one that differs from it in one stretch: its
// count, how many bytes of the old one's users it begins and ends with, and what
// is between. So a post by someone who has been followed since the last one
// carries a few bytes to each partition instead of all followers.
func diffRosters(old, new roster) (d []byte, ok bool) {
	count, n := binary.Uvarint(new)
	_, m := binary.Uvarint(old)
	if n <= 0 || m <= 0 {
		return nil, false
	}
	was, is := old[m:], new[n:]
	head := 0
	for head < min(len(was), len(is)) && was[head] == is[head] {
		head++
	}
	tail := 0
	for tail < min(len(was), len(is))-head && was[len(was)-1-tail] == is[len(is)-1-tail] {
		tail++
	}
	d = binary.AppendUvarint(make([]byte, 0, len(is)-head-tail+4*binary.MaxVarintLen16), count)
	d = binary.AppendUvarint(binary.AppendUvarint(d, uint64(head)), uint64(tail))
	return append(d, is[head:len(is)-tail]...), true
}

// patchRoster is the new roster; on what is no diff of this one it panics, as
// WithDiff allows.
func patchRoster(old roster, d []byte) roster {
	_, m := binary.Uvarint(old)
	was := old[m:]
	var parts [3]uint64
	for i := range parts {
		v, n := step(d)
		parts[i], d = v, d[n:]
	}
	head, tail := was[:parts[1]], was[uint64(len(was))-parts[2]:]
	out := binary.AppendUvarint(make([]byte, 0, len(was)+len(d)+binary.MaxVarintLen64), parts[0])
	return append(append(append(out, head...), d...), tail...)
}
