package main

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/ridge"
)

// versionOf is the newest version of an ensemble's members that anybody knows.
func versionOf(all []processStatus, id ids.Ensemble) (v uint64) {
	for _, p := range all {
		if e := ensembleOf(p, id); e != nil {
			v = max(v, e.Version)
		}
	}
	return v
}

// memberOf is what the newest members say of a process.
func memberOf(all []processStatus, id ids.Ensemble, process ids.Process) (m *ridge.Member) {
	version := versionOf(all, id)
	for _, p := range all {
		e := ensembleOf(p, id)
		if e == nil || e.Version != version {
			continue
		}
		for i := range e.Members {
			if e.Members[i].Process == process {
				m = &e.Members[i]
			}
		}
	}
	return m
}

func ensembleOf(p processStatus, id ids.Ensemble) *ridge.EnsembleStatus {
	if p.Reachable {
		for i := range p.Status.Ridge.Ensembles {
			if e := &p.Status.Ridge.Ensembles[i]; e.Ensemble == id {
				return e
			}
		}
	}
	return nil
}

func anyMember(all []processStatus) bool {
	for _, p := range all {
		if p.Reachable && p.Status.Member {
			return true
		}
	}
	return false
}
