// Package samples stores measured sub-networks: what each scored, where, and
// what it costs. A store is one Arrow IPC stream (FORMAT.md); its bytes depend
// only on its content, and a store that a crash cut anywhere is continued by
// Resume to the same bytes as if nothing had happened.
//
//	w, done, err := samples.Resume("samples.arrow", sp, samples.Info{SupernetHash: h})
//	for _, arch := range archs[len(done):] {
//		s := samples.New(sp, arch)
//		s.Accuracy, s.Images = score(arch), 2000
//		err = w.Append([]samples.Sample{s})
//	}
//	err = w.Close()
//	all, info, err := samples.Read("samples.arrow")
package samples
