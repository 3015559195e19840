// Package cli is the command line: one file a command.
//
//	os.Exit(cli.Main(os.Args[1:]))
//
// A command returns a value; the package prints it, as text or, with --json, as
// one JSON document on stdout. Logs and progress go to stderr. An error decides
// the exit code: 1 failed, 2 wrong use, 3 bad input file (exit.go).
package cli
