package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"exchequer/cache"
	"exchequer/ledger/importer"
	"exchequer/views"
	"exchequer/web"
)

// ledgers are several ledgers that one process serves, each whole below a path of its own.
type ledgers struct {
	Title string         `toml:"title"`
	All   []*ledgerEntry `toml:"ledgers"`
}

// A ledgerEntry is one of them.
type ledgerEntry struct {
	Name               string      `toml:"name"`
	Database           string      `toml:"database"`
	DatabaseFile       string      `toml:"database_file"`
	ReadDatabase       string      `toml:"read_database"`
	ReadDatabaseFile   string      `toml:"read_database_file"`
	IngestDatabase     string      `toml:"ingest_database"`
	IngestDatabaseFile string      `toml:"ingest_database_file"`
	AdminDatabase      string      `toml:"admin_database"`
	AdminDatabaseFile  string      `toml:"admin_database_file"`
	Tenant             string      `toml:"tenant"`
	Privacy            web.Privacy `toml:"privacy"`
	Sync               string      `toml:"sync"`
	Alerts             string      `toml:"alerts"`
}

// What all ledgers of a process share: see docs/decisions/0040-thousands-of-ledgers.md. It
// is divided by the number that are open at a time.
const (
	mostLedgers    = 10_000
	mostOpen       = 128
	usualOpen      = 16
	leastConns     = 8       // of a ledger
	leastProducers = 2       // of a ledger
	leastMemory    = 1 << 20 // of a ledger's values
	sharedMemory   = 128 << 20
	aloneMemory    = 32 << 20 // of one that is alone
	sharedProducer = 8
)

// inAddresses matches names that stand in addresses as they are.
var inAddresses = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// loadLedgers reads a file of ledgers.
func loadLedgers(file string) (*ledgers, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("EXCHEQUER_LEDGERS: %w", err)
	}
	l := &ledgers{Title: "Economies"}
	if err := importer.Decode(text, l); err != nil {
		return nil, fmt.Errorf("EXCHEQUER_LEDGERS: %s: %w", file, err)
	}
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("EXCHEQUER_LEDGERS: %s: %w", file, err)
	}
	return l, nil
}

func (l *ledgers) check() error {
	if len(l.All) == 0 || len(l.All) > mostLedgers {
		return fmt.Errorf("it has %d [[ledgers]]: want 1 to %d", len(l.All), mostLedgers)
	}
	taken := map[string]bool{}
	for i, e := range l.All {
		if !inAddresses.MatchString(e.Name) {
			return fmt.Errorf("ledger %d: the name %q: want small letters, digits and hyphens, 40 at most", i+1, e.Name)
		}
		url, err := secret("database", e.Database, e.DatabaseFile)
		if err != nil {
			return fmt.Errorf("ledger %s: %w", e.Name, err)
		}
		if url == "" {
			return fmt.Errorf("ledger %s: name its database, with database or database_file", e.Name)
		}
		if e.Tenant == "" {
			e.Tenant = e.Name
		}
		switch e.Privacy {
		case "":
			e.Privacy = web.Open
		case web.Open, web.Balances, web.Closed:
		default:
			return fmt.Errorf("ledger %s: the privacy %q: want open, balances or closed", e.Name, e.Privacy)
		}
		for _, own := range [][2]string{{"name", e.Name}, {"tenant", e.Tenant}, {"database", url}} {
			what := own[0] + " " + own[1]
			if taken[what] {
				return fmt.Errorf("ledger %s: another one has the same %s", e.Name, own[0])
			}
			taken[what] = true
		}
	}
	return nil
}

// links returns the ledgers for the switcher of one: all, or that one alone where they are
// too many for a menu. Nil: there is one, which needs none.
func (p place) links() (all []views.LedgerLink) {
	if p.ledgers == nil {
		return nil
	}
	if len(p.ledgers.All) > mostSwitched {
		return []views.LedgerLink{{Name: p.name}}
	}
	for _, e := range p.ledgers.All {
		all = append(all, views.LedgerLink{Name: e.Name})
	}
	return all
}

const (
	mostSwitched = 20 // ledgers in the switcher of each page
	mostListed   = 50 // ledgers in a page of the index
)

// open returns how many ledgers are open at a time, with so many connections together.
func (l *ledgers) open(conns int32) int {
	return min(len(l.All), int(conns/leastConns), mostOpen)
}

// bounded returns what a ledger's cache is made of, within its share.
func (p place) bounded(d cache.Deps) cache.Deps {
	if p.ledgers != nil {
		d.Memory = min(aloneMemory, max(sharedMemory/int64(p.open), leastMemory))
		d.Producers = max(sharedProducer/p.open, leastProducers)
	}
	return d
}

// root returns the path below which a site is.
func (p place) root() views.Root {
	if p.ledgers == nil {
		return ""
	}
	return views.LedgerRoot(p.name)
}

// url returns where visitors reach the site, empty if that is not known.
func (p place) url(host baseURL) string {
	if host == "" {
		return ""
	}
	return string(host) + string(p.root())
}

// of returns the flags of one ledger.
func (c serveCommand) of(e *ledgerEntry) serveCommand {
	c.DatabaseURL, c.DatabaseURLFile = e.Database, e.DatabaseFile
	c.DatabaseReadURL, c.DatabaseReadURLFile = e.ReadDatabase, e.ReadDatabaseFile
	c.IngestDatabaseURL, c.IngestDatabaseURLFile = e.IngestDatabase, e.IngestDatabaseFile
	c.AdminDatabaseURL, c.AdminDatabaseURLFile = e.AdminDatabase, e.AdminDatabaseFile
	c.Tenant, c.Privacy, c.Sync, c.Alerts = e.Tenant, e.Privacy, e.Sync, e.Alerts
	c.SyncSource, c.SyncSourceFile = "", ""
	if c.Dump != "" {
		c.Dump = filepath.Join(c.Dump, e.Name)
	}
	return c
}
