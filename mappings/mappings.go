// Package mappings holds the presets of connectors, which are built in. The mappings of
// CSV files beside it are examples.
package mappings

import "embed"

// Presets has the presets in the folder presets, each named after the program whose
// database or files it reads.
//
//go:embed presets/*.toml
var Presets embed.FS
