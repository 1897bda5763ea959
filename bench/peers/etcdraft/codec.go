package etcdraft

import (
	"encoding/binary"
	"errors"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// A frame on a link holds any number of messages: a length of four bytes, then
// the messages. The two kinds that carry all the load (MsgApp, MsgAppResp) are
// written by hand, since protobuf's reflection would cost more than raft
// itself; all others are protobuf. etcd's own transport does likewise
// (rafthttp's msgappv2).
const (
	codeProto  = 0
	codeApp    = 1
	codeResp   = 2
	frameHead  = 4
	maxFrame   = 64 << 20
	fixedWords = 6 // to, from, term, logTerm, index, commit
)

var errFrame = errors.New("etcdraft: malformed frame")

// appendMessage appends m's encoding to b.
func appendMessage(b []byte, m *pb.Message) ([]byte, error) {
	switch {
	case m.GetType() == pb.MsgApp && commands(m.Entries):
		b = appendFixed(append(b, codeApp), m)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(m.Entries)))
		for _, e := range m.Entries {
			b = binary.LittleEndian.AppendUint64(b, e.GetTerm())
			b = binary.LittleEndian.AppendUint32(b, uint32(len(e.Data)))
			b = append(b, e.Data...)
		}
		return b, nil
	case m.GetType() == pb.MsgAppResp && !m.GetReject():
		return appendFixed(append(b, codeResp), m), nil
	}
	b = append(b, codeProto)
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b, err := proto.MarshalOptions{}.MarshalAppend(b, m)
	if err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b, nil
}

// commands says whether all entries are commands, with indices that follow one
// another as they do in every MsgApp.
func commands(es []*pb.Entry) bool {
	for _, e := range es {
		if e.GetType() != pb.EntryNormal {
			return false
		}
	}
	return true
}

func appendFixed(b []byte, m *pb.Message) []byte {
	for _, v := range [fixedWords]uint64{m.GetTo(), m.GetFrom(), m.GetTerm(), m.GetLogTerm(), m.GetIndex(), m.GetCommit()} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// fixed holds the fields of a decoded message that it points to, so that they
// are one allocation.
type fixed struct {
	m     pb.Message
	words [fixedWords]uint64
}

// block is an entry and the fields it points to. The entries of a message are
// one allocation.
type block struct {
	e           pb.Entry
	term, index uint64
}

// decode appends a frame's messages to ms. They alias body.
func decode(ms []*pb.Message, body []byte) ([]*pb.Message, error) {
	for len(body) > 0 {
		code := body[0]
		body = body[1:]
		switch code {
		case codeApp, codeResp:
			m, rest, err := decodeFixed(code, body)
			if err != nil {
				return nil, err
			}
			ms, body = append(ms, m), rest
		case codeProto:
			if len(body) < 4 || len(body)-4 < int(binary.LittleEndian.Uint32(body)) {
				return nil, errFrame
			}
			n := int(binary.LittleEndian.Uint32(body))
			m := new(pb.Message)
			if err := proto.Unmarshal(body[4:4+n], m); err != nil {
				return nil, err
			}
			ms, body = append(ms, m), body[4+n:]
		default:
			return nil, errFrame
		}
	}
	return ms, nil
}

func decodeFixed(code byte, b []byte) (*pb.Message, []byte, error) {
	if len(b) < 8*fixedWords {
		return nil, nil, errFrame
	}
	f := new(fixed)
	for i := range f.words {
		f.words[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	b = b[8*fixedWords:]
	m := &f.m
	m.To, m.From, m.Term, m.Index = &f.words[0], &f.words[1], &f.words[2], &f.words[4]
	if code == codeResp {
		m.Type = typeResp
		return m, b, nil
	}
	m.Type, m.LogTerm, m.Commit = typeApp, &f.words[3], &f.words[5]
	var err error
	m.Entries, b, err = decodeEntries(b, f.words[4])
	return m, b, err
}

var typeApp, typeResp = pb.MsgApp.Enum(), pb.MsgAppResp.Enum()

func decodeEntries(b []byte, prev uint64) ([]*pb.Entry, []byte, error) {
	if len(b) < 4 {
		return nil, nil, errFrame
	}
	n := int(binary.LittleEndian.Uint32(b))
	b = b[4:]
	if n > len(b)/12 {
		return nil, nil, errFrame
	}
	blocks, es := make([]block, n), make([]*pb.Entry, n)
	for i := range blocks {
		if len(b) < 12 || len(b)-12 < int(binary.LittleEndian.Uint32(b[8:])) {
			return nil, nil, errFrame
		}
		e, size := &blocks[i], int(binary.LittleEndian.Uint32(b[8:]))
		e.term, e.index = binary.LittleEndian.Uint64(b), prev+1+uint64(i)
		e.e.Term, e.e.Index = &e.term, &e.index
		e.e.Data = b[12 : 12+size : 12+size]
		es[i], b = &e.e, b[12+size:]
	}
	return es, b, nil
}
