package samples

import (
	"runtime"
	"sync"
	"sync/atomic"

	"hanas/space"
)

// checkedAtOnce is how many samples one core checks before it takes more.
const checkedAtOnce = 256

// checkAll checks samples on all cores and gives the first faulty one's place.
func checkAll(batch []Sample, sp *space.Space) (int, error) {
	parts := (len(batch) + checkedAtOnce - 1) / checkedAtOnce
	at, errs := make([]int, parts), make([]error, parts)
	check := func(part int) {
		for i := part * checkedAtOnce; i < min(len(batch), (part+1)*checkedAtOnce); i++ {
			if err := batch[i].check(sp); err != nil {
				at[part], errs[part] = i, err
				return
			}
		}
	}
	inParts(parts, check)
	for part, err := range errs {
		if err != nil {
			return at[part], err
		}
	}
	return 0, nil
}

// inParts calls f with 0 … parts-1 on all cores.
func inParts(parts int, f func(part int)) {
	if parts == 1 {
		f(0)
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(parts, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for part := int(next.Add(1)) - 1; part < parts; part = int(next.Add(1)) - 1 {
				f(part)
			}
		})
	}
	wg.Wait()
}

// NewAll are New of archs, in order, made on all cores.
func NewAll(sp *space.Space, archs []space.Arch) []Sample {
	out := make([]Sample, len(archs))
	inParts((len(archs)+checkedAtOnce-1)/checkedAtOnce, func(part int) {
		for i := part * checkedAtOnce; i < min(len(archs), (part+1)*checkedAtOnce); i++ {
			out[i] = New(sp, archs[i])
		}
	})
	return out
}
