package importer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"exchequer/ledger"
)

// A dateFormats parses times in the first format that fits.
type dateFormats struct {
	written []string // as the mapping has them
	layouts []string // of package time; empty for seconds since 1970
	zone    *time.Location
}

const unixSeconds = "unix"

var errNotDate = errors.New("not a date")

// dateTokens are the tokens of a date format and their layouts in package time. A
// token comes before those that are its prefix.
var dateTokens = []struct{ token, layout string }{
	{"YYYY", "2006"}, {"YY", "06"},
	{"MMMM", "January"}, {"MMM", "Jan"}, {"MM", "01"}, {"M", "1"},
	{"DD", "02"}, {"D", "2"},
	{"hh", "15"}, {"mm", "04"}, {"ss", "05"},
	{"+ZZ:ZZ", "Z07:00"}, {"+ZZZZ", "Z0700"},
}

func newDateFormats(formats []string, zone *time.Location) (dateFormats, error) {
	d := dateFormats{written: formats, zone: zone}
	for _, format := range formats {
		layout, err := dateLayout(format)
		if err != nil {
			return dateFormats{zone: zone}, err
		}
		d.layouts = append(d.layouts, layout)
	}
	return d, nil
}

func dateLayout(format string) (string, error) {
	if format == unixSeconds {
		return "", nil
	}
	var layout strings.Builder
	var year, month, day bool
next:
	for rest := format; rest != ""; {
		for _, t := range dateTokens {
			if strings.HasPrefix(rest, t.token) {
				layout.WriteString(t.layout)
				year = year || t.token[0] == 'Y'
				month = month || t.token[0] == 'M'
				day = day || t.token[0] == 'D'
				rest = rest[len(t.token):]
				continue next
			}
		}
		// T is the separator of ISO 8601. Package time would parse other letters
		// and digits as parts of a date.
		if c := rest[0]; c != 'T' && !strings.ContainsRune(" -/.:,", rune(c)) {
			return "", fmt.Errorf(`%q: %q is not understood: write YYYY MM DD hh mm ss, as in "DD/MM/YYYY hh:mm", or "unix"`, format, rest)
		}
		layout.WriteByte(rest[0])
		rest = rest[1:]
	}
	if !year || !month || !day {
		return "", fmt.Errorf("%q: a date needs a year, a month and a day", format)
	}
	return layout.String(), nil
}

func (d dateFormats) parse(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, layout := range d.layouts {
		if layout == "" {
			if seconds, err := strconv.ParseInt(s, 10, 64); err == nil && seconds >= 0 && seconds < maxUnix {
				return time.Unix(seconds, 0).UTC(), nil
			}
			continue
		}
		t, err := time.ParseInLocation(layout, s, d.zone)
		if err != nil || t.Year() <= 0 {
			continue
		}
		// Where the clock went forward at midnight, a date alone would be a time of
		// the day before.
		if d.zone != time.UTC {
			if written, err := time.Parse(layout, s); err == nil && ledger.DayNumber(t) != ledger.DayNumber(written) {
				t = ledger.DayStart(ledger.DayNumber(written), d.zone)
			}
		}
		return t.UTC(), nil
	}
	return time.Time{}, errNotDate
}

// maxUnix is the start of the year 10000. A larger number is most likely in
// milliseconds.
const maxUnix = 253402300800

func (d dateFormats) expected() string {
	return "a date like " + strings.Join(d.written, " or ")
}
