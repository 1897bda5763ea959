// Package tree copies directory trees into Volery and back, and removes them
// there.
//
// # What is kept
//
// Import makes one node per directory, file and symbolic link, named as it is
// named. Kept are the content of files, whether a file's owner may execute it,
// and the targets of links, which are not followed. Empty directories and
// empty files are told apart. Not kept: other permission bits, owners, times,
// hard links between files. Devices, sockets and pipes are an error.
//
// # How it is kept
//
// The value of an ordinary file's node is the file's content, byte for byte.
// What a plain value cannot say stands in a first line that begins with
// "#eyrie ", with the rest behind it:
//
//	#eyrie directory
//	#eyrie symlink                      then the target
//	#eyrie file executable              then the content
//	#eyrie file                         then content that itself begins with "#eyrie "
//	#eyrie file chunks=3 size=2500000 sha256=...
//
// In the last form (also with executable) the content is in the node's
// children chunk-000000, chunk-000001, ... That is what becomes of files that
// do not fit into one value.
//
// In names, bytes of characters that ZooKeeper forbids, of what is not UTF-8,
// and of "%" are written as % and two hexadecimal digits.
//
// # Export
//
// Export gives back the tree that Import was given. It also exports nodes that
// nobody imported: one with children and without a value is a directory, one
// with a value and without children a file.
//
// Neither is a snapshot: a tree that changes while it is copied may be copied
// half old and half new.
package tree
