// Package fleet spreads a run's scoring over machines: activities on a Temporal
// server (go.temporal.io), files through a bucket (package artifacts).
//
// There are few types. A [Place] says where server and bucket are. A [Crew] is
// the side of the run: it is a stages.Crew. A [Worker] is the side of each
// machine that joins. What travels is an [Order] (which shards of which job) and
// a [Task] (one of them); the work itself is stages.Hand, the code that scores
// in process too.
//
//	crew, err := fleet.Join(ctx, fleet.Place{Server: "temporal:7233", Artifacts: "s3://bucket"})
//	table, err := stages.With(crew, cfg, log)
//
// and on every machine
//
//	err := (&fleet.Worker{Place: place}).Run(ctx)
//
// A shard's scores so far travel with its heartbeats, so whoever takes over from
// a worker that died goes on after the last of them. Its result is an artifact
// named by its content. The server takes one result for a shard, however many
// workers did it; so nothing is lost and nothing counts twice.
package fleet
