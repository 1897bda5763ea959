// Package chirper is a social network in the manner of Twitter, built on
// package ssmr (dissertation, section 6.5.2): users post short texts, follow
// each other and read timelines.
//
// # Timelines
//
// A timeline is materialized: stored, ready to be sent, with the user whose it
// is, so that to read one costs one partition a look at one variable. For that
// a post is put into the timelines of its author and of all who follow the
// author, wherever they live, in one command.
//
// A timeline holds at most MaxTimeline posts, newest first: by time, and of one
// microsecond by author and number. These rules say which:
//
//   - A post enters the timelines of its author and of those who follow the
//     author then. What is beyond MaxTimeline, oldest first, leaves for good.
//   - Following somebody inserts those of their posts that are kept: the newest
//     MaxKept. Unfollowing removes all posts of theirs. Both in the same command.
//   - Nothing else fills the room that an unfollow leaves: the next posts do, and
//     whoever is followed next. Older posts of others do not come back, unless
//     the user asks for it: Refill makes the timeline that of somebody who joins
//     now and follows the same people (the newest of all their kept posts).
//
// # Limits
//
// A text has at most MaxText characters as a person counts them (grapheme
// clusters: an emoji of a family is one), and MaxTextBytes bytes; see CheckText.
// A user follows at most MaxFollowing others, and is followed by at most
// MaxFollowers. A post is written to each of those, and one command may write
// only so much: so that of a long text that many follow is refused, with
// ErrTooWide (a text of 140 bytes never is).
//
// # Partitions
//
// All of a user lives where the hash of their number says: the timeline, the
// posts kept, the lists of those they follow and who follow them. join,
// getTimeline and the other reads concern one partition; follow and unfollow at
// most two; post those of the author and of all followers.
//
// Which ones these are, a client cannot know, but it knows whom it believes to
// follow the author: it keeps the lists of authors it has posted for (see
// Client), and sends one with the post. So the command can say exactly what it
// will write, and need not wait for others that write elsewhere. The service
// compares that list with the author's; if it is another, the command has no
// effect, and the right list is the reply, with which the client tries again.
// After a few such answers in a row, which takes an author who is being followed
// all the time, the client sends postOpen, which declares its author alone and
// finds the followers itself, completed by the framework's retry: it always
// succeeds, and everything else waits for it.
package chirper
