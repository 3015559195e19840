// Package progress shows on a console how far several tasks have come: moving
// bars with rate and time left on a terminal, plain lines elsewhere.
//
//	c := progress.New(os.Stderr)
//	c.Start("evaluate", "settings changed")
//	c.Update("evaluate", 120, 2000, "sub-networks")
//	c.Finish("evaluate", "2000 sub-networks, best 84.1 %", 41*time.Second)
//	c.Close()
//
// Tell has it write each Event too, for machines: FORMAT.md. Console and Event are
// the only types.
package progress
