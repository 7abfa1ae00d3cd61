package ledger

import (
	"fmt"
	"regexp"
	"sort"
	"sync"
	"time"
	_ "time/tzdata" // for machines without zone data

	"github.com/jackc/pgx/v5"
)

// The days of a ledger are those of its community, in the time zone that its
// settings name. A day is a number of whole hours of UTC, by which most rollups
// are kept: 24 of them, or 23 or 25 where the clock changes. So a time belongs to
// the day in which its hour begins, and a ledger has no transactions of times at
// which its zone is not a number of whole hours from UTC.
//
// What a zone is, Go's data says alone: queries are given the zone's changes, so
// that they agree with it whatever the zone data of Postgres.

// UTC is the time zone of a ledger whose settings name no other.
const UTC = "UTC"

// zones holds the time zones that were read, by name: *time.Location.
var zones sync.Map

// zoneName is what the IANA's names look like. It leaves out files of zone data
// that mean something else on each machine, such as "localtime".
var zoneName = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)

// LoadZone returns the time zone of a name such as Europe/Berlin, and UTC for an
// empty name.
func LoadZone(name string) (*time.Location, error) {
	if name == "" || name == UTC {
		return time.UTC, nil
	}
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location), nil
	}
	if !zoneName.MatchString(name) || name == "Local" {
		return nil, unknownZone(name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, unknownZone(name)
	}
	zones.Store(name, zone)
	return zone, nil
}

func unknownZone(name string) error {
	return fmt.Errorf("unknown time zone %s, want a name such as Europe/Berlin, or UTC", quote(name))
}

// checkZone returns an error if a ledger cannot have the zone from now on.
func checkZone(zone *time.Location, now time.Time) error {
	_, offsets := Offsets(zone, now, now.AddDate(10, 0, 0))
	for _, offset := range offsets {
		if offset%time.Hour != 0 {
			return fmt.Errorf("the time zone %s is %s from UTC, and the ledger counts by whole hours of UTC: choose one that is whole hours from it",
				zone, formatOffset(offset))
		}
	}
	return nil
}

func formatOffset(offset time.Duration) string {
	return time.Time{}.In(time.FixedZone("", int(offset/time.Second))).Format("-07:00")
}

// offHour returns why a ledger with the zone cannot have something at a time, and
// nothing if it can.
func offHour(zone *time.Location, at time.Time) string {
	_, seconds := hourOf(at).In(zone).Zone()
	if offset := time.Duration(seconds) * time.Second; offset%time.Hour != 0 {
		return fmt.Sprintf("at %s the ledger's time zone %s was %s from UTC, and the ledger counts by whole hours of UTC",
			at.UTC().Format(time.RFC3339), zone, formatOffset(offset))
	}
	return ""
}

func hourOf(t time.Time) time.Time { return t.Truncate(time.Hour) }

// DayNumber returns the number of the date that t shows, 0 for 1 January 1970 and
// less for earlier ones. Dates are counted by it, since a time.Duration ends after
// 292 years.
func DayNumber(t time.Time) int {
	year, month, day := t.Date()
	return int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / daySeconds)
}

const (
	hourSeconds = 60 * 60
	daySeconds  = 24 * hourSeconds
)

// dayOfHour returns the number of the day in which an hour begins. Hours are
// numbered from 1970.
func dayOfHour(hour int64, zone *time.Location) int64 {
	if zone != time.UTC {
		_, offset := time.Unix(hour*hourSeconds, 0).In(zone).Zone()
		return floor(hour*hourSeconds+int64(offset), daySeconds)
	}
	return floor(hour, 24)
}

// DayStart returns the first hour of a day, whose number is that of DayNumber. The
// time is in the zone, so it shows the date. Of a day that the zone left out, it
// is the start of the next one.
func DayStart(number int, zone *time.Location) time.Time {
	// No zone was ever 16 hours from UTC.
	first := 24*int64(number) - 16
	hours := sort.Search(32, func(i int) bool { return dayOfHour(first+int64(i), zone) >= int64(number) })
	return time.Unix((first+int64(hours))*hourSeconds, 0).In(zone)
}

// DayOf returns the start of the day to which t belongs.
func DayOf(t time.Time, zone *time.Location) time.Time { return DayStart(DayNumberOf(t, zone), zone) }

// DayNumberOf returns the number of the day to which t belongs.
func DayNumberOf(t time.Time, zone *time.Location) int {
	return int(dayOfHour(floor(t.Unix(), hourSeconds), zone))
}

// Offsets returns the hours between two times with which the zone's offset from
// UTC changes, and the offset before, between and after them.
func Offsets(zone *time.Location, from, to time.Time) (changes []time.Time, offsets []time.Duration) {
	for at := hourOf(from); ; {
		local := at.In(zone)
		_, seconds := local.Zone()
		offsets = append(offsets, time.Duration(seconds)*time.Second)
		_, end := local.ZoneBounds()
		if end.IsZero() || end.After(to) {
			return changes, offsets
		}
		if at = hourOf(end); at.Before(end) {
			at = at.Add(time.Hour)
		}
		changes = append(changes, at.UTC())
	}
}

// LocalTime returns SQL for the local time, a timestamp, of an hour, a
// timestamptz. The query needs the arguments of [LocalTimeArgs].
func LocalTime(hour string) string {
	return `((` + hour + `) AT TIME ZONE 'UTC' + (@zone_offsets::interval[])[1 + width_bucket(` + hour + `, @zone_changes::timestamptz[])])`
}

// LocalTimeArgs returns the arguments of [LocalTime] for hours between two times.
func LocalTimeArgs(zone *time.Location, from, to time.Time) pgx.NamedArgs {
	changes, offsets := Offsets(zone, from, to)
	if changes == nil {
		changes = []time.Time{} // not NULL
	}
	return pgx.NamedArgs{"zone_changes": changes, "zone_offsets": offsets}
}
