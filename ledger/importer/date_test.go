package importer

import (
	"testing"
	"time"
)

func TestDatesAreReadInAnyOfTheFormats(t *testing.T) {
	for _, c := range []struct{ format, zone, text, want string }{
		{"YYYY-MM-DD", "UTC", "2010-12-01", "2010-12-01T00:00:00Z"},
		{"YYYY-MM-DD hh:mm:ss", "UTC", " 2010-12-01 08:26:00 ", "2010-12-01T08:26:00Z"},
		{"YYYY-MM-DD hh:mm:ss", "UTC", "2010-12-01 08:26:00.125", "2010-12-01T08:26:00.125Z"},
		{"DD/MM/YYYY", "UTC", "31/01/2011", "2011-01-31T00:00:00Z"},
		{"D/M/YY hh:mm", "UTC", "1/2/11 13:05", "2011-02-01T13:05:00Z"},
		{"DD MMM YYYY", "UTC", "05 Jan 2012", "2012-01-05T00:00:00Z"},
		{"D MMMM YYYY", "UTC", "5 January 2012", "2012-01-05T00:00:00Z"},
		{"YYYY-MM-DDThh:mm:ss+ZZ:ZZ", "UTC", "2012-01-05T12:00:00+02:00", "2012-01-05T10:00:00Z"},
		{"YYYY-MM-DDThh:mm:ss+ZZ:ZZ", "UTC", "2012-01-05T12:00:00Z", "2012-01-05T12:00:00Z"},
		{"YYYY-MM-DD hh:mm", "Europe/London", "2012-07-05 12:00", "2012-07-05T11:00:00Z"},
		{"YYYY-MM-DD", "America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"}, // a day without a midnight
		{"unix", "UTC", "1291192000", "2010-12-01T08:26:40Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		d, err := newDateFormats([]string{"YYYY.MM.DD", c.format}, zone)
		if err != nil {
			t.Errorf("format %q: %v", c.format, err)
			continue
		}
		got, err := d.parse(c.text)
		if err != nil || got.Format(time.RFC3339Nano) != c.want {
			t.Errorf("parse(%q) by %q = %v, %v, want %s", c.text, c.format, got, err, c.want)
		}
	}
}

func TestWhatIsNoDateIsRefused(t *testing.T) {
	d, err := newDateFormats([]string{"YYYY-MM-DD", "DD/MM/YYYY", "unix"}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "yesterday", "2011-02-29", "2011-13-01", "31/04/2011", "2011-1-1", "0000-01-01", "-5", "1291192000000", "NaN"} {
		if got, err := d.parse(text); err == nil {
			t.Errorf("parse(%q) = %v, want an error", text, got)
		}
	}
	for _, format := range []string{"2006-01-02", "YYYY-MM", "dd.mm.yyyy", "", "YYYY-MM-DD 15:04"} {
		if _, err := newDateFormats([]string{format}, time.UTC); err == nil {
			t.Errorf("format %q is accepted, want an error", format)
		}
	}
}

// FuzzDate: what is read is a time of the record's range, and reads the same
// when it is written again.
func FuzzDate(f *testing.F) {
	for _, text := range []string{"2010-12-01 08:26:00", "31/01/2011", "1291192000", "9999-12-31 23:59:59", "NaN"} {
		f.Add(text)
	}
	d, err := newDateFormats([]string{"YYYY-MM-DD hh:mm:ss", "D/M/YYYY", "unix"}, time.UTC)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := d.parse(text)
		if err != nil {
			return
		}
		if at.Year() < 1 || at.Year() > 9999 || at.Location() != time.UTC {
			t.Fatalf("parse(%q) = %v, want a year from 1 to 9999, UTC", text, at)
		}
		again, err := d.parse(at.Format("2006-01-02 15:04:05.999999999"))
		if err != nil || !again.Equal(at) {
			t.Fatalf("parse(%q) = %v, which reads again as %v, %v", text, at, again, err)
		}
	})
}
