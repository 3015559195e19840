package export

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"
)

func TestLook(t *testing.T) {
	rt := openORT(t)
	sp := quickSpace(t)
	for _, wa := range [][2]int{{8, 8}, {4, 4}, {2, 2}, {16, 16}, {8, 16}, {16, 8}, {4, 8}} {
		a := sp.WithBits(sp.Largest(), wa[0], wa[1])
		m, err := Build(randomNetwork(sp, a, rand.New(rand.NewPCG(1, 1))), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		for _, batch := range []int{1, 64} {
			k := kernels(t, rt, m, batch)
			var names []string
			sum := 0.0
			for n := range k {
				names = append(names, n)
				sum += k[n].micros
			}
			sort.Slice(names, func(i, j int) bool { return k[names[i]].micros > k[names[j]].micros })
			fmt.Printf("w%da%d batch %d: %.0f us, nodes %d:", wa[0], wa[1], batch, sum, len(m.Graph.Nodes))
			for _, n := range names {
				fmt.Printf(" %s*%d %.0f", n, k[n].count, k[n].micros)
			}
			fmt.Println()
		}
	}
}
