// Package bench measures replicated systems beside each other: ours, peers,
// and a floor that no protocol can beat, all behind one interface and under
// one load generator.
//
// # Method
//
// A closed loop keeps N operations outstanding: an operation's completion
// admits the next one. The generator runs in the same process as the servers,
// so figures compare systems with one another and not with a deployment whose
// clients pay for themselves. Systems take turns, A B A B, in rounds; every
// turn starts a fresh cluster, warms it up, and measures a fixed window.
// Medians over the rounds are quoted. Less than 15 % between two medians is no
// difference on a shared machine; the CPU time per operation, counted over all
// processes of a system and the generator, is the steadiest figure.
//
// Nothing is hidden: an operation that fails or is never answered counts in
// the errors of its point, those of the warm-up included, and a system that
// does not start leaves a point with no operations and one error.
//
// docs/benchmarks says how to run everything, beside peers too, and what came
// out.
package bench
