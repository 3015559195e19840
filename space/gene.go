package space

// Gene is the choice of slot i, without copying the others.
func (a Arch) Gene(i int) byte { return a.genes[i] }
