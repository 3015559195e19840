// Command hanas finds neural networks that suit a device.
package main

import (
	"os"

	"hanas/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
