package views

// A Level is how much of the ledger something shows. A higher one tells more of those
// who have to do with it.
type Level uint8

// The levels. What has none is not served.
const (
	_             Level = iota
	ShowsNothing        // none of it: the program's own files, and what asks for keys of its own
	ShowsNames          // what there is and what it is called, without numbers
	ShowsSums           // numbers of many together, and prices
	ShowsBalances       // what single accounts and holders have
	ShowsDealings       // what they did, and with whom: statements, transactions, sales, and sums of one's own
)
