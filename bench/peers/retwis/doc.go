// Package retwis measures Retwis, a social network on Redis, as section 6.5.2 of
// the dissertation compares Chirper with it: one Redis server that is not
// replicated, from Debian's package redis-server, through
// github.com/redis/rueidis. A client of Retwis does what Chirper's commands do,
// in several requests each, which other clients' requests may come between.
//
// The server keeps everything in memory: no snapshots, no append-only file. Its
// configuration file says that I/O threads help with four cores and more, and
// how many; with fewer there are none, as by default.
//
// # Ways
//
//   - plain: as section 6.5.2 describes it. Timelines are lists of posts'
//     numbers, a post is a hash; to read a timeline takes LRANGE and one HGETALL
//     for each post, and a request is sent when the one before was answered.
//   - pipelined: the same, but what does not depend on each other's answers is
//     sent together: LRANGE, then one batch of HGETALL. The library puts
//     requests of several goroutines into one batch, too.
//   - mget: as pipelined, but a post is a string, and all of a timeline are
//     fetched by one MGET. Nobody describes Retwis so; a Redis user in need of
//     speed might.
//   - text: timelines hold the texts, so that LRANGE is all there is to read.
//
// In all of them a timeline has the newest 50 posts, of a user's own posts 20 are
// kept for those who follow next, follow merges these into the timeline, and
// unfollow removes all of the other's posts from it, as Chirper does. Lists are
// trimmed only now and then, since LRANGE bounds what is read. The list of all
// messages ever posted, which nobody here reads, is left out.
package retwis
