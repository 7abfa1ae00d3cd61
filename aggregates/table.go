package aggregates

// A Table is the numbers behind a panel, for people and for spreadsheets.
type Table struct {
	Columns []Column
	Rows    [][]any // string, int64, ledger.Sum, float64, Share, time.Time (a UTC day or instant), or nil for "not available"
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
