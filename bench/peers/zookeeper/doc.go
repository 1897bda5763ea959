// Package zookeeper measures a real ZooKeeper ensemble of three, from Debian's
// package zookeeper, through github.com/go-zookeeper/zk.
//
// The ensemble is set up as the administrator's guide advises: transaction log
// and snapshots in folders of their own (dataLogDir, dataDir), a heap of a fixed
// size that holds the state many times over, snapCount and preAllocSize as by
// default, no limit of connections. On disk every transaction is synced before
// it is acknowledged (forceSync, the default). In memory both folders are on a
// tmpfs, as the dissertation's were on a ramdisk.
//
// An ensemble lives as long as the run, since a Java machine is fast only when
// it has compiled what it runs: before its first turn it is under load for some
// seconds.
//
// The client's API waits for each answer and sends each request by a system call
// of its own. So that as many operations are outstanding as the case says, as
// many goroutines call it, over a few connections to each server: more or fewer
// measured slower or alike.
package zookeeper
