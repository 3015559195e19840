package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hanas/latency"
)

// deviceFolder is where the tables of a device are installed.
func deviceFolder(name string) (string, error) {
	base, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("cli: no folder for tables: %w (say --out FILE)", err)
	}
	return filepath.Join(base, "hanas", "devices", name), nil
}

// tableFolders are the folders where a device's tables may lie, in the order
// they are tried.
func tableFolders(device, flag, net string) []string {
	if flag != "" {
		return []string{flag}
	}
	var dirs []string
	if env := os.Getenv("HANAS_TABLES"); env != "" {
		dirs = append(dirs, env)
	}
	if dir, err := deviceFolder(device); err == nil {
		dirs = append(dirs, dir)
	}
	if net != "" && !strings.HasPrefix(net, "baseline:") { // Once-for-All's collection: nets/NAME/net.config, lut/*.yaml
		at := filepath.Dir(net)
		for range 4 {
			dirs = append(dirs, filepath.Join(at, "lut"))
			at = filepath.Join(at, "..")
		}
	}
	return dirs
}

// nativeTable is the file of a device that has one table of our own making.
func nativeTable(d *latency.Device, dirs []string) string {
	if len(d.Tables) != 1 || d.Tables[0].Format != "layer" {
		return ""
	}
	name := strings.TrimSuffix(d.Tables[0].File, filepath.Ext(d.Tables[0].File))
	for _, dir := range dirs {
		for _, ext := range []string{".csv", ".arrow"} {
			file := filepath.Join(dir, name+ext)
			if _, err := os.Stat(file); err == nil {
				return file
			}
		}
	}
	return ""
}

func (a *app) latencyDevicesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "devices",
		Short: "List the known devices: legal bit widths, limits, where their times come from",
		Example: `  hanas latency devices
  hanas latency devices --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var all []*latency.Device
			for _, name := range latency.Devices() {
				d, err := latency.FindDevice(name)
				if err != nil {
					return err
				}
				all = append(all, d)
			}
			return a.print(all, func(w io.Writer) {
				rows := [][]string{{"name", "times", "tables", "models", "device"}}
				for _, d := range all {
					rows = append(rows, []string{d.Name, string(d.Provenance), fmt.Sprint(len(d.Tables)), fmt.Sprint(len(d.Models)), d.Title})
				}
				columns(w, rows)
			})
		},
	}
}
