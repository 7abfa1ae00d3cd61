package views

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// cell formats one value of a table.
func cell(v any, c aggregates.Column, s ledger.Settings) string {
	switch v := v.(type) {
	case nil:
		return "n/a"
	case string:
		return v
	case int64:
		return cell(ledger.SumOf(v), c, s)
	case ledger.Sum:
		switch {
		case c.Unit == aggregates.Money && strings.HasPrefix(c.Name, "change"):
			return MoneyChange(v, s)
		case c.Unit == aggregates.Money:
			return Money(v, s)
		}
		return Count(v)
	case aggregates.Share:
		return Percent(float64(v))
	case float64:
		if c.Unit == aggregates.Percent {
			return Percent(v)
		}
		return digitsFor(v)
	case time.Time:
		if c.Unit == aggregates.Day {
			return Date(v, s)
		}
		return Date(v, s) + " " + Time(v, s)
	}
	return fmt.Sprint(v)
}

// timed returns the column of times without the time of day if all of them are the
// beginning of a day, as in a record of dates.
func timed(c aggregates.Column, s ledger.Settings, times iter.Seq[any]) aggregates.Column {
	if c.Unit != aggregates.Instant {
		return c
	}
	for v := range times {
		if t, ok := v.(time.Time); ok && !t.Equal(ledger.DayOf(t, s.Zone())) {
			return c
		}
	}
	c.Unit = aggregates.Day
	return c
}

// shown returns the columns of a table as they are shown.
func shown(t aggregates.Table, s ledger.Settings) []aggregates.Column {
	columns := slices.Clone(t.Columns)
	for i, c := range columns {
		columns[i] = timed(c, s, func(yield func(any) bool) {
			for _, row := range t.Rows {
				if !yield(row[i]) {
					return
				}
			}
		})
	}
	return columns
}

// timesOf returns the column of the times of rows.
func timesOf[E any](rows []E, s ledger.Settings, at func(E) time.Time) aggregates.Column {
	return timed(instant, s, func(yield func(any) bool) {
		for _, row := range rows {
			if !yield(at(row)) {
				return
			}
		}
	})
}

// whenPosted returns the column of the times of a statement.
func whenPosted(lines []ledger.Line, s ledger.Settings) aggregates.Column {
	return timesOf(lines, s, func(l ledger.Line) time.Time { return l.At })
}

// digitsFor formats whole numbers without decimals and others with four.
func digitsFor(v float64) string {
	if math.Abs(v) < 1e15 && v == math.Trunc(v) {
		return Count(int64(v))
	}
	return Decimal(v, 4)
}

func numeric(u aggregates.Unit) bool {
	return u == aggregates.Count || u == aggregates.Money || u == aggregates.Ratio || u == aggregates.Percent
}

// cellClass returns the class that aligns numbers right and wraps long texts.
func cellClass(u aggregates.Unit, text string) string {
	switch {
	case numeric(u):
		return "n"
	case len(text) > 60:
		return "long"
	}
	return ""
}
