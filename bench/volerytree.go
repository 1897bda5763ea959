package bench

import (
	"fmt"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/volery"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// voleryService is what `eyrie node` runs.
var voleryService = apps.Service

// Parents is the number of nodes below which the load's nodes are: enough that
// the creates and deletes of several slots seldom concern one parent.
const Parents = 64

// ParentPath is the i-th parent of the nodes that a load touches, the same in
// every system.
func ParentPath(i int) string { return fmt.Sprintf("/p%02d", i%Parents) }

// NodePath is the path of the node that stands for a key.
func NodePath(key uint32) string { return fmt.Sprintf("%s/n%d", ParentPath(int(key)), key) }

// Paths of all nodes that a case's operations touch, parents first: Parents of
// them.
func (c Case) Paths() (paths []string) {
	for i := range Parents {
		paths = append(paths, ParentPath(i))
	}
	for key := range c.keys() {
		paths = append(paths, NodePath(uint32(key)))
	}
	return paths
}

// home is the partition where the node at path lives.
func home(path string, partitions int) (ids.Partition, error) {
	number, raw, err := volery.GetData.Encode(voleryService, path)
	if err != nil {
		return 0, err
	}
	access, err := voleryService.Definition().Commands[number].Access(raw)
	if err != nil {
		return 0, err
	}
	return voleryService.Map(partitions).Owners(access.Items[0].Key)[0], nil
}

// GlobalPaths are paths for creates and deletes, one for each slot. Where there
// are several partitions, such a node lives on another one than its parent, so
// that each create and delete concerns two.
func GlobalPaths(c Case) (paths []string, err error) {
	for slot := range c.Outstanding {
		parent := ParentPath(slot)
		at, err := home(parent, c.Partitions)
		if err != nil {
			return nil, err
		}
		for i := 0; len(paths) == slot; i++ {
			path := fmt.Sprintf("%s/g%d-%d", parent, slot, i)
			other, err := home(path, c.Partitions)
			if err != nil {
				return nil, err
			}
			if other != at || c.Partitions == 1 {
				paths = append(paths, path)
			}
		}
	}
	return paths, nil
}
