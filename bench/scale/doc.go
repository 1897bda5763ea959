// Package scale models more processes than a machine can run: links with a
// bandwidth and a delay, processors with costs per read, write, message, byte
// and delivery, and on them Ridge's real cores, unchanged, on the simulator's
// virtual time. Beside them, on the same model, a ring that disseminates values
// as Ring Paxos does. It works out the claims of section 5.4 of the dissertation
// and says of each whether it holds.
//
// A process is internal/host's loop: a round takes what has come, steps the core
// with it, and sends what the core says, one write for each destination; the
// round's cost keeps its processor busy, and what comes meanwhile waits and is
// taken together. Costs are measured by Calibrate on a real machine, and
// committed as costs.json.
//
// Everything follows from the plan and its seed: a run repeats exactly.
// docs/benchmarks/scaling.md lists the assumptions and what came out.
package scale
