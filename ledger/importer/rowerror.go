package importer

import "fmt"

// A RowError is what is wrong with one row.
type RowError struct {
	File    string // as it was given
	Line    int    // where the row starts; the header is line 1
	Column  string // its name in the mapping, empty if the whole row is wrong
	Header  string // its name in the file
	Value   string
	Problem string // what was expected
}

// Error returns the problem as one line:
// data.csv:17: column "amount" (Net Amount): "NaN": expected digits …
func (e *RowError) Error() string {
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.reason())
}

// reason returns the problem without the place.
func (e *RowError) reason() string {
	if e.Column == "" {
		return e.Problem
	}
	return fmt.Sprintf("column %q (%s): %s: %s", e.Column, e.Header, shortened(e.Value), e.Problem)
}
