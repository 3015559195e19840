package fleet

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"hanas/stages"
)

// pulse tells the server that a shard is being done, and what of it is done,
// also while a single score takes long.
type pulse struct {
	ctx  context.Context
	end  chan struct{}
	gone sync.WaitGroup

	mu   sync.Mutex
	done []stages.Score
}

func newPulse(ctx context.Context, done []stages.Score, every time.Duration) *pulse {
	p := &pulse{ctx: ctx, end: make(chan struct{}), done: done}
	p.gone.Go(func() {
		tick := time.NewTicker(max(every, 10*time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.mu.Lock()
				done := p.done
				p.mu.Unlock()
				activity.RecordHeartbeat(p.ctx, done)
			case <-p.end:
				return
			}
		}
	})
	return p
}

// tell takes note of what is done; the slice may grow afterwards.
func (p *pulse) tell(done []stages.Score) {
	p.mu.Lock()
	p.done = slices.Clip(done)
	p.mu.Unlock()
	activity.RecordHeartbeat(p.ctx, slices.Clip(done))
}

func (p *pulse) stop() {
	close(p.end)
	p.gone.Wait()
}
