package cli

import (
	"slices"
	"testing"

	"hanas/configs"
	"hanas/export"
)

// What a config may say is what the exporter knows.
func TestExportProfilesAreTheExporters(t *testing.T) {
	if got := export.ProfileNames(); !slices.Equal(got, configs.ExportProfiles) {
		t.Errorf("export.profile takes %v, the exporter knows %v", configs.ExportProfiles, got)
	}
}
