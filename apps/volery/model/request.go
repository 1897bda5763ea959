package model

import (
	"errors"
	"fmt"
	"path"

	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// Request is any command of the service as data. Fields that its command
// lacks are zero.
type Request struct {
	Command string // "create", "delete", "exists", "getChildren", "getData", "setData"
	Path    string
	Data    []byte
	Version int32
}

func (r Request) String() string {
	return fmt.Sprintf("%s %q version %d, %d bytes", r.Command, r.Path, r.Version, len(r.Data))
}

// ErrCommand is a command that Volery does not have.
var ErrCommand = errors.New("model: no such command")

// Encode is the request as a client of s, which is or contains
// volery.Service, sends it.
func (r Request) Encode(s *ssmr.Service) (command uint16, arg []byte, err error) {
	switch r.Command {
	case "create":
		return volery.Create.Encode(s, volery.CreateArg{Path: r.Path, Data: r.Data})
	case "delete":
		return volery.Delete.Encode(s, volery.DeleteArg{Path: r.Path, Version: r.Version})
	case "exists":
		return volery.Exists.Encode(s, r.Path)
	case "getChildren":
		return volery.GetChildren.Encode(s, r.Path)
	case "getData":
		return volery.GetData.Encode(s, r.Path)
	case "setData":
		return volery.SetData.Encode(s, volery.SetArg{Path: r.Path, Version: r.Version, Data: r.Data})
	}
	return 0, nil, fmt.Errorf("%w: %q", ErrCommand, r.Command)
}

// Decode is Encode's inverse. The name is the command's in its service;
// composition prefixes it by "volery/".
func Decode(name string, arg []byte) (r Request, err error) {
	r.Command = path.Base(name)
	switch r.Command {
	case "create":
		var a volery.CreateArg
		err = a.UnmarshalBinary(arg)
		r.Path, r.Data = a.Path, a.Data
	case "delete":
		var a volery.DeleteArg
		err = a.UnmarshalBinary(arg)
		r.Path, r.Version = a.Path, a.Version
	case "setData":
		var a volery.SetArg
		err = a.UnmarshalBinary(arg)
		r.Path, r.Version, r.Data = a.Path, a.Version, a.Data
	case "exists", "getChildren", "getData":
		r.Path = string(arg)
	default:
		err = fmt.Errorf("%w: %q", ErrCommand, name)
	}
	return r, err
}

// Apply executes a request at the time zxid. The value is what a replica
// replies, byte for byte; an error is one of volery's sentinels, and then
// there is no value.
func (t *Tree) Apply(zxid int64, r Request) (value []byte, err error) {
	switch r.Command {
	case "create":
		s, err := t.Create(zxid, r.Path, r.Data)
		return encoded(s, err)
	case "delete":
		return nil, t.Delete(zxid, r.Path, r.Version)
	case "exists":
		s, ok, err := t.Exists(r.Path)
		return encoded(volery.Presence{Found: ok, Stat: s}, err)
	case "getChildren":
		names, s, err := t.GetChildren(r.Path)
		return encoded(volery.Listing{Names: names, Stat: s}, err)
	case "getData":
		data, s, err := t.GetData(r.Path)
		return encoded(volery.Content{Data: data, Stat: s}, err)
	case "setData":
		s, err := t.SetData(zxid, r.Path, r.Data, r.Version)
		return encoded(s, err)
	}
	return nil, fmt.Errorf("%w: %q", ErrCommand, r.Command)
}

func encoded(v interface{ AppendBinary([]byte) ([]byte, error) }, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return v.AppendBinary(nil)
}
