package aggregates

// A Table is the numbers behind a panel, for people and for spreadsheets.
type Table struct {
	Columns []Column
	Rows    [][]any // string, int64, ledger.Sum, float64, Share, time.Time (a UTC day or instant), or nil for "not available"
	Cut     *Cut    // nil: nothing is left out
}

// A Cut says that a table has only the first ones of what it lists.
type Cut struct {
	Listed int64 `json:"listed" doc:"How many are listed one by one."`
	Of     int64 `json:"of,omitempty" doc:"How many there are. Missing: it is not known, and perhaps there are no more."`
}

// First returns the table as one that lists the first ones of all there are.
func (t Table) First(listed int, all int64) Table {
	if int64(listed) < all {
		t.Cut = &Cut{int64(listed), all}
	}
	return t
}

// upTo returns the table as one that lists at most so many of what nobody counted.
func (t Table) upTo(listed, most int) Table {
	if listed >= most {
		t.Cut = &Cut{Listed: int64(listed)}
	}
	return t
}

// others returns the table as one that lists some, and has the others, of which it is
// not known how many they are, in a row together.
func (t Table) others(listed int, left bool) Table {
	if left {
		t.Cut = &Cut{Listed: int64(listed)}
	}
	return t
}

// A Share is a float64 in a column of other ratios that is shown as percent.
type Share float64

// A Column of a table. Name is for machines, Title for people.
type Column struct {
	Name  string
	Title string
	Unit  Unit
}

// A Unit is how the values of a column are written.
type Unit int

// The units of columns.
const (
	Text    Unit = iota // string
	Count               // int64 or ledger.Sum
	Money               // int64 or ledger.Sum, minor units
	Ratio               // float64, 0.25
	Percent             // float64, 0.25 shown as 25 %
	Day                 // time.Time at midnight UTC
	Instant             // time.Time
)
