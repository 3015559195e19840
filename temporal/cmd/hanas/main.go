// Command hanas is the hanas of the module above, with what it takes to spread a
// run over machines: hanas worker, and hanas run --temporal.
package main

import (
	"context"
	"os"

	"hanas/internal/cli"
	"hanas/onnx/ort"
	"hanas/stages"
	"hanas/temporal/fleet"
)

func main() { os.Exit(cli.MainWith(machines{}, os.Args[1:])) }

// machines is a cli.Elsewhere.
type machines struct{}

func place(p cli.Place) fleet.Place {
	return fleet.Place{
		Server: p.Server, Namespace: p.Namespace, Artifacts: p.Artifacts,
		Heartbeat: p.Heartbeat, Patience: p.Patience, Shard: p.Shard, Log: p.Log,
	}
}

func (machines) Crew(ctx context.Context, p cli.Place) (stages.Crew, func() error, error) {
	crew, err := fleet.Join(ctx, place(p))
	if err != nil {
		return nil, nil, err
	}
	return crew, crew.Close, nil
}

func (machines) Work(ctx context.Context, p cli.Place, s cli.WorkSettings, rt *ort.Runtime) error {
	w := fleet.Worker{Place: place(p), Kind: stages.Kind(rt), Jobs: s.Jobs, Data: s.Data, Cache: s.Cache}
	return w.Run(ctx)
}
