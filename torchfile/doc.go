// Package torchfile reads what PyTorch's torch.save writes, without Python and
// without running anything that the file says.
//
// There are few types: File (what a container holds), its values (Dict, List,
// Tuple and Go's own) and Tensor (a view of stored numbers).
//
//	f, err := torchfile.Read("ofa_mbv3_d234_e346_k357_w1.0")
//	tensors, err := f.StateDict() // in the order of the file
//	for _, t := range tensors {
//		values, err := t.Floats() // row-major, decoded now
//		fmt.Println(t.Name, t.Shape, len(values))
//	}
//
// Both containers are read: the row of pickles that PyTorch wrote before 1.6,
// and the ZIP archive it writes since. A pickle is a program that may call any
// function of Python; the few names that a file of tensors and lists needs are
// in one table (globals.go), any other is an error that names it. Nothing is
// allocated by what a header claims: numbers stay in the file's own bytes until
// they are asked for, and a tensor that is larger than its storage is refused.
package torchfile
