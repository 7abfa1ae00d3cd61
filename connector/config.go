package connector

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"exchequer/ledger/importer"
)

// A Config is one source to follow.
type Config struct {
	Name   string // under which what is known of it is kept
	Preset *Preset
	URL    string // of the database; it may have a password in it
}

// configFile is a file of sources as its TOML is written.
type configFile struct {
	Sources []struct {
		Name       string            `toml:"name"`
		Preset     string            `toml:"preset"`
		Source     string            `toml:"source"`
		SourceFile string            `toml:"source_file"`
		Economy    string            `toml:"economy"`
		Symbol     string            `toml:"symbol"`
		Timezone   string            `toml:"timezone"`
		Parameters map[string]string `toml:"parameters"`
	} `toml:"sources"`
}

// LoadConfig reads a file of sources.
func LoadConfig(file string) ([]Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	configs, err := parseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return configs, nil
}

func parseConfig(text []byte) ([]Config, error) {
	var f configFile
	if err := importer.Decode(text, &f); err != nil {
		return nil, err
	}
	// They are one ledger: what one says of it goes for those that say nothing, whichever
	// of them is the first to write.
	var common Overrides
	for _, s := range f.Sources {
		common.Economy, common.Symbol, common.Timezone = cmp.Or(common.Economy, s.Economy), cmp.Or(common.Symbol, s.Symbol), cmp.Or(common.Timezone, s.Timezone)
	}
	var configs []Config
	seen := map[string]bool{}
	for i, s := range f.Sources {
		c, err := NewConfig(s.Name, s.Preset, s.Source, s.SourceFile, Overrides{
			cmp.Or(s.Economy, common.Economy), cmp.Or(s.Symbol, common.Symbol), cmp.Or(s.Timezone, common.Timezone), s.Parameters,
		})
		if err == nil && seen[c.Name] {
			err = fmt.Errorf("the name %q is taken: give each source a name", c.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("source %d: %w", i+1, err)
		}
		common.Economy = cmp.Or(common.Economy, c.Preset.Settings().Name)
		seen[c.Name] = true
		configs = append(configs, c)
	}
	if len(configs) == 0 {
		return nil, errors.New("it has no [[sources]]")
	}
	return configs, nil
}

// NewConfig returns the source of a preset at a URL, which may be in a file. Its name is
// that of the preset if it is empty.
func NewConfig(name, preset, url, urlFile string, o Overrides) (Config, error) {
	p, err := LoadPreset(preset, o)
	if err != nil {
		return Config{}, err
	}
	if name == "" {
		name = p.Name
	}
	if urlFile != "" {
		if url != "" {
			return Config{}, errors.New("both a source and a file with one are given: give one")
		}
		text, err := os.ReadFile(urlFile)
		if err != nil {
			return Config{}, fmt.Errorf("read the file with the source: %w", err)
		}
		url = strings.TrimSpace(string(text))
	}
	open, err := parseSource(url)
	if err != nil {
		return Config{}, err
	}
	if s, err := open(); err == nil { // one that is away is tried again
		defer s.close()
		if err := s.fits(p); err != nil {
			return Config{}, fmt.Errorf("preset %s: %w", preset, err)
		}
	}
	return Config{name, p, url}, nil
}
