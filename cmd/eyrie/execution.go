package main

import (
	"flag"

	"github.com/eyrie-dev/eyrie/optimistic"
)

// aboutExecution belongs into the help of commands with --execution.
const aboutExecution = `
With --execution full, commands are executed before their order is final, too,
and clients that ask are sent the probable reply early (see
docs/optimistic-replies.md); the final reply is linearizable in any case. It
costs CPU, since each replica also checks every such execution against the final
order, and a message from each client straight to each replica concerned.
baseline is full without an exchange of values between such executions of
several partitions; conservative is without all this. Unless told otherwise,
eyrie up makes clusters that are full, and eyrie init conservative ones.`

// executionFlag adds --execution.
func executionFlag(fs *flag.FlagSet, p *optimistic.Mode, usual optimistic.Mode, usage string) {
	fs.TextVar(p, "execution", usual, "`how` commands are executed: conservative, baseline or full"+usage)
}
