package supernet

import (
	"math/rand/v2"

	"hanas/space"
)

// randomBits is arch with the bits of every layer drawn anew, its topology
// kept.
func randomBits(sp *space.Space, arch space.Arch, rng *rand.Rand) space.Arch {
	genes := append([]byte{}, arch.Genes()...)
	for i, slot := range sp.Slots() {
		if slot.Kind == space.SlotWBits || slot.Kind == space.SlotABits {
			genes[i] = byte(rng.IntN(slot.Choices))
		}
	}
	a, err := sp.New(genes)
	if err != nil { // the genes are of this space
		panic("supernet: " + err.Error())
	}
	return a
}
