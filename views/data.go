package views

import (
	"fmt"
	"slices"
	"time"

	"exchequer/ledger/dump"
)

// A DataMonth is a month of which data is published.
type DataMonth struct {
	Name      string // 2026-10
	Files     int
	Bytes     int64
	Published time.Time // first
	Made      time.Time // last
	Replaced  []string  // tables with other bytes than at first
}

// DataMonths returns the months of a dump, the latest first.
func DataMonths(m *dump.Manifest) []DataMonth {
	by := map[string]*DataMonth{}
	var names []string
	for _, f := range m.Files {
		if f.Month == "" {
			continue
		}
		month := by[f.Month]
		if month == nil {
			month = &DataMonth{Name: f.Month, Published: f.Published}
			by[f.Month] = month
			names = append(names, f.Month)
		}
		month.Files++
		month.Bytes += f.Bytes
		if f.Published.Before(month.Published) {
			month.Published = f.Published
		}
		if f.Made.After(month.Made) {
			month.Made = f.Made
		}
		if f.Made.After(f.Published) && !slices.Contains(month.Replaced, f.Table) {
			month.Replaced = append(month.Replaced, f.Table)
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	var months []DataMonth
	for _, name := range names {
		months = append(months, *by[name])
	}
	return months
}

// dataFiles returns the files of a month of a dump; of an empty month the whole tables.
func dataFiles(m *dump.Manifest, month string) []dump.File {
	return slices.DeleteFunc(slices.Clone(m.Files), func(f dump.File) bool { return f.Month != month })
}

// Bytes writes a size for people.
func Bytes(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
