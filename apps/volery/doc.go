// Package volery is a coordination service with ZooKeeper's data model, built
// on package ssmr (dissertation, section 4.5.2): a tree of nodes, each with a
// value, versions and a Stat, and six calls: create, delete, exists,
// getChildren, getData, setData. Paths, errors, their precedence and Stat are
// ZooKeeper's. Unlike there, every reply is linearizable, reads included, and
// nodes are spread over the partitions.
//
// # Limits
//
// A value has at most MaxValue bytes, a path MaxPath, and a list of children
// MaxList. Sessions, watches, ephemeral and sequential nodes, access rights
// and transactions are not there. Commands of one client that overlap in time
// have no order among each other: wait for the first where the second needs it.
//
// # Partitions
//
// A node, with its value and the list of its children's names, lives where the
// hash of its path says; a node whose name ends in ten digits lives with its
// parent (see Place). exists, getChildren, getData and setData concern the
// node's partition; create and delete concern the partitions of the node and
// of its parent. The dissertation sends create and delete to all partitions,
// so that each knows the hierarchy; nobody needs all of it, and 10 % of
// such commands would take the gain of the partitions away.
//
// What the two partitions tell each other is a few dozen bytes: see Create and
// Delete.
package volery
