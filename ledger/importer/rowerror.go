package importer

import "fmt"

// A RowError says what is wrong with one row.
type RowError struct {
	File    string // as it was given
	Line    int    // where the row starts; the header is line 1
	Column  string // the mapping's name for it, empty where the whole row is meant
	Header  string // the file's name for it
	Value   string
	Problem string // what was expected
}

// Error is the problem as one line:
// data.csv:17: column "amount" (Net Amount): "NaN": expected digits …
func (e *RowError) Error() string {
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.reason())
}

// reason is the problem without the place.
func (e *RowError) reason() string {
	if e.Column == "" {
		return e.Problem
	}
	return fmt.Sprintf("column %q (%s): %s: %s", e.Column, e.Header, shortened(e.Value), e.Problem)
}
