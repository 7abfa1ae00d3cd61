package connector

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"exchequer/ledger"
	"exchequer/ledger/importer"
	"exchequer/mappings"
)

// A Preset is how a program's database becomes a ledger.
type Preset struct {
	Name      string
	engines   []engine
	streams   []*stream
	reconcile *stream // its rows are balances; nil: they cannot be compared
}

// A stream is a query, or something else to read, and what its rows mean.
type stream struct {
	name    string
	only    engine // by which alone it is read; empty: by all of the preset
	query   string
	read    *reading // instead of a query, of what is no database
	mark    string   // the column of ids that grow; empty: all rows are read each time
	names   []string // parameters of the query, as --set takes them
	mapping *importer.Mapping
}

// grows reports whether only what is appended is read.
func (s *stream) grows() bool { return s.read != nil && s.read.grows }

// whole reports whether all rows are read each time.
func (s *stream) whole() bool { return s.mark == "" && !s.grows() }

// presetFile is a preset as its TOML is written: the language of mappings, with a part
// for each query.
type presetFile struct {
	Origin     string              `toml:"origin"`
	Engines    []string            `toml:"engines"`
	Ledger     importer.LedgerFile `toml:"ledger"`
	CSV        importer.CSVFile    `toml:"csv"`
	Parameters map[string]string   `toml:"parameters"`
	Asset      string              `toml:"asset"`
	Streams    []streamFile        `toml:"streams"`
	Reconcile  *streamFile         `toml:"reconcile"`
}

type streamFile struct {
	Name  string    `toml:"name"`
	Only  string    `toml:"only"`
	Query string    `toml:"query"`
	Read  *readFile `toml:"read"`
	Mark  string    `toml:"mark"`
	importer.RowFile
}

// read returns the streams that are read from an engine.
func (p *Preset) read(e engine) []*stream {
	return slices.DeleteFunc(slices.Clone(p.streams), func(s *stream) bool { return !s.of(e) })
}

// compared returns the stream of balances of an engine, nil if it has none.
func (p *Preset) compared(e engine) *stream {
	if p.reconcile == nil || !p.reconcile.of(e) {
		return nil
	}
	return p.reconcile
}

func (s *stream) of(e engine) bool { return s.only == "" || s.only == e }

// Settings returns what the preset says of the ledger.
func (p *Preset) Settings() ledger.Settings { return p.streams[0].mapping.Settings }

// Overrides replace what a preset says.
type Overrides struct {
	Economy    string            // its name
	Symbol     string            // of the currency
	Timezone   string            // of the community
	Parameters map[string]string // such as the prefix of tables
}

// Presets returns the names of the presets that are built in.
func Presets() []string {
	var names []string
	files, _ := mappings.Presets.ReadDir("presets") // embedded
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".toml"))
	}
	return names
}

// LoadPreset returns the preset of a name, or of a file, whose name ends with .toml.
func LoadPreset(name string, o Overrides) (*Preset, error) {
	var text []byte
	var err error
	if strings.HasSuffix(name, ".toml") {
		text, err = os.ReadFile(name)
		name = strings.TrimSuffix(path.Base(name), ".toml")
	} else if text, err = mappings.Presets.ReadFile("presets/" + name + ".toml"); err != nil {
		return nil, fmt.Errorf("there is no preset %q: there are %s, or name a file that ends with .toml", name, strings.Join(Presets(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("read preset: %w", err)
	}
	p, err := parsePreset(name, text, o)
	if err != nil {
		return nil, fmt.Errorf("preset %s: %w", name, err)
	}
	return p, nil
}

// parsePreset reads a preset, and returns all that is wrong with it.
func parsePreset(name string, text []byte, o Overrides) (*Preset, error) {
	var f presetFile
	if err := importer.Decode(text, &f); err != nil {
		return nil, err
	}
	f.Ledger.Name = cmp.Or(o.Economy, f.Ledger.Name)
	f.Ledger.Symbol = cmp.Or(o.Symbol, f.Ledger.Symbol)
	f.Ledger.Timezone = cmp.Or(o.Timezone, f.Ledger.Timezone)
	p := &Preset{Name: name}
	var errs []error
	for _, e := range f.Engines {
		if !slices.Contains(engines, engine(e)) {
			errs = append(errs, fmt.Errorf("engines: %q is none of %q", e, engines))
		}
		p.engines = append(p.engines, engine(e))
	}
	parameters, err := f.parameters(o.Parameters, slices.ContainsFunc(p.engines, engine.queried))
	errs = append(errs, err, f.money(parameters))
	seen := map[string]bool{reconcileName: true}
	for i := range f.Streams {
		s, err := f.stream(&f.Streams[i], parameters)
		if err == nil && (s.name == "" || seen[s.name]) {
			err = errors.New("its name is empty or taken")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("stream %q: %w", f.Streams[i].Name, err))
			continue
		}
		seen[s.name] = true
		p.streams = append(p.streams, s)
	}
	if len(f.Streams) == 0 {
		errs = append(errs, errors.New("it has no streams"))
	}
	if f.Reconcile != nil {
		f.Reconcile.Name = reconcileName
		if p.reconcile, err = f.stream(f.Reconcile, parameters); err == nil && f.Reconcile.Balance == nil {
			err = errors.New("it has no [reconcile.balance]")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("reconcile: %w", err))
		}
	}
	return p, errors.Join(errs...)
}

// parameters returns those of the file with those that were given. Where they become a part
// of a query they are names.
func (f *presetFile) parameters(given map[string]string, queried bool) (map[string]string, error) {
	var errs []error
	for name := range given {
		if _, known := f.Parameters[name]; !known {
			errs = append(errs, fmt.Errorf("it has no parameter %q; it has %q", name, slices.Sorted(maps.Keys(f.Parameters))))
		}
	}
	all := map[string]string{}
	maps.Copy(all, f.Parameters)
	maps.Copy(all, given)
	for name, value := range all {
		switch {
		case queried && !identifier.MatchString(value):
			errs = append(errs, fmt.Errorf("parameters.%s is %q, want letters, digits and _", name, value))
		case strings.ContainsAny(value, "{}\n"):
			errs = append(errs, fmt.Errorf("parameters.%s is %q, want a text without { and }", name, value))
		}
	}
	return all, errors.Join(errs...)
}

// reconcileName is the name of the stream of balances that are compared.
const reconcileName = "reconcile"

var identifier = regexp.MustCompile(`^[A-Za-z0-9_]*$`)

// money sets the parts of the ledger that are parameters: decimals, shift, and those of an asset
// such as USD/2, whose amounts are whole numbers of its smallest unit.
func (f *presetFile) money(parameters map[string]string) error {
	for name, set := range map[string]func(int){
		"decimals": func(n int) { f.Ledger.Decimals = &n },
		"shift":    func(n int) { f.Ledger.Shift = n },
	} {
		if text, is := parameters[name]; is {
			n, err := strconv.Atoi(text)
			if err != nil {
				return fmt.Errorf("parameters.%s is %q, want a number", name, text)
			}
			set(n)
		}
	}
	if f.Asset == "" {
		return nil
	}
	asset := withParameters(f.Asset, parameters, verbatim)
	if asset == "" {
		return errors.New("name the asset that is read, such as --set asset=USD/2: others are left out")
	}
	name, digits, has := strings.Cut(asset, "/")
	decimals := 0
	if has {
		var err error
		if decimals, err = strconv.Atoi(digits); err != nil || decimals < 0 {
			return fmt.Errorf("the asset is %s/%s, want a name and a number of decimals, such as USD/2", name, digits)
		}
	}
	kept := min(decimals, 9)
	f.Ledger.Decimals, f.Ledger.Shift = &kept, -decimals
	if f.Ledger.Symbol == "" {
		f.Ledger.Symbol = name
	}
	return nil
}

func verbatim(s string) string { return s }

func (f *presetFile) stream(s *streamFile, parameters map[string]string) (*stream, error) {
	row := s.RowFile
	if s.Read != nil {
		row.Columns = withColumns(row.Columns, parameters)
	}
	file := importer.File{Origin: f.Origin, Ledger: f.Ledger, CSV: f.CSV, RowFile: row}
	mapping, err := file.Mapping()
	if err != nil {
		return nil, err
	}
	out := &stream{name: s.Name, only: engine(s.Only), mark: s.Mark, mapping: mapping}
	if s.Only != "" && !slices.Contains(f.Engines, s.Only) {
		return nil, fmt.Errorf("only is %q, want one of its engines", s.Only)
	}
	switch {
	case (strings.TrimSpace(s.Query) == "") == (s.Read == nil):
		return nil, errors.New("it has neither a query nor [streams.read], or both")
	case s.Read != nil:
		if out.read, err = s.Read.reading(f.CSV, s.Mark, parameters, mapping.Columns(), mapping.GroupHeaders()); err != nil {
			return nil, err
		}
	case s.Mark != "" && !(strings.Contains(s.Query, ":after") && strings.Contains(s.Query, ":limit")):
		return nil, errors.New("a query with a mark has :after and :limit in it")
	default:
		out.query = withParameters(s.Query, parameters, verbatim)
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			if strings.Contains(s.Query, "{"+name+"}") {
				out.names = append(out.names, name+"="+parameters[name])
			}
		}
	}
	return out, nil
}

// advice returns what to do about a query that the source refuses.
func (s *stream) advice(err error) string {
	switch {
	case !refused(err):
		return ""
	case len(s.names) == 0:
		return ": is this the database of the preset, and may its user SELECT from that table?"
	}
	return ": if tables or columns have other names there, give them by --set (or parameters in a file of sources), now " +
		strings.Join(s.names, ", ") + "; else let the user SELECT from that table"
}

// withColumns replaces parameters in the headers of columns, and in their patterns.
func withColumns(columns map[string]any, parameters map[string]string) map[string]any {
	out := map[string]any{}
	for name, value := range columns {
		switch of := value.(type) {
		case string:
			value = withParameters(of, parameters, verbatim)
		case map[string]any:
			of = maps.Clone(of)
			if pattern, is := of["match"].(string); is {
				of["match"] = withParameters(pattern, parameters, regexp.QuoteMeta)
			}
			value = of
		}
		out[name] = value
	}
	return out
}

var bound = regexp.MustCompile(`:(after|limit)\b`)

// after returns the query for the next ids after one, at most limit of them; without a
// mark the query as it is.
func (s *stream) after(id int64, limit int) string {
	if s.mark == "" {
		return s.query
	}
	return bound.ReplaceAllStringFunc(s.query, func(name string) string {
		if name == ":after" {
			return strconv.FormatInt(id, 10)
		}
		return strconv.Itoa(limit)
	})
}
