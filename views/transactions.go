package views

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// The addresses of all transactions and of one.
const (
	TransactionsPath = "/transactions"
	TransactionPath  = "/transactions/{origin}/{ref}"
)

// The parameters by which transactions are selected.
var (
	SinceParam      = &Param{Name: "since", Label: "From", Field: DayField, Nearest: nearestDay, Is: aDay}
	UntilParam      = &Param{Name: "until", Label: "to", Field: DayField, Nearest: nearestDay, Is: aDay}
	SourceParam     = &Param{Name: "source", Label: "Source", Field: SearchField, Nearest: verbatim, Is: aText}
	AccountParam    = &Param{Name: "account", Label: "Account", Field: SearchField, Nearest: verbatim, Is: aText}
	MessageParam    = SearchParam("text", "Message has")
	LeastParam      = &Param{Name: "least", Label: "At least", Field: AmountField, Nearest: nearestDecimal, Is: anAmount}
	PaidByParam     = asked(FromParam)
	ReceivedByParam = asked(ToParam)
)

// asked returns a parameter that a form asks for.
func asked(d *Param) *Param {
	copied := *d
	copied.Field = ChoiceField
	return &copied
}

// TransactionFilters are the parameters by which transactions are selected.
func TransactionFilters() []*Param {
	return []*Param{AccountParam, SourceParam, LeastParam, PaidByParam, ReceivedByParam, SinceParam, UntilParam, MessageParam}
}

// transactionAddress returns the address of a transaction's page.
func transactionAddress(origin, ref string) templ.SafeURL {
	return templ.SafeURL(PageInfo{Path: TransactionPath}.at(TwoParts(origin, ref)))
}

// transactionsOf returns the address of the transactions of a source, between kinds
// of account, each empty for all.
func transactionsOf(source, from, to string) templ.SafeURL {
	filters := TransactionFilters()
	params := Params{}.With(filters, SourceParam, source)
	for d, value := range map[*Param]string{PaidByParam: from, ReceivedByParam: to} {
		if value != "" {
			params = params.With(filters, d, value)
		}
	}
	return templ.SafeURL(TransactionsPath + params.Query())
}

// TransactionsByDay shows how many transactions there were.
func TransactionsByDay(p Page, a *aggregates.Activity) Content {
	c := chart.Columns{
		About: chart.About{ID: "days", Title: "Transactions a " + a.Bucket}, Ticks: countTicks, Least: 1, Empty: "No transactions in this period.",
	}
	var starts []time.Time
	var all int64
	var volume ledger.Sum
	for _, b := range a.Buckets {
		starts = append(starts, b.Start)
		all, volume = all+b.Transactions, volume.Plus(b.Volume)
		column := chart.Column{
			Value: float64(b.Transactions), Partial: b.Partial, Written: bucketShort(b.Start, a.Bucket, p.Settings) + ": " + Count(b.Transactions),
			Tip: Plural(b.Transactions, "transaction", "transactions") + "\n" + bucketName(b.Start, a.Bucket, p.Settings) + ", " + Money(b.Volume, p.Settings),
		}
		c.Values = append(c.Values, column)
	}
	if c.Labels = chart.DateLabels(starts, a.Bucket); all == 0 {
		c.Values = nil
	}
	c.About.Desc = Plural(all, "transaction", "transactions") + " together."
	content := Content{Sub: "All transactions a " + a.Bucket + ". Together " + Count(all), Body: c.Draw()}
	if all > 0 {
		content.Says = Sentence{Words: phrase("", Plural(all, "transaction", "transactions"), " "+within(a.Period, p.Settings)+" moved ", moneyTile(volume, p.Settings))}
	}
	return content
}

// TransactionsBySource shows what moved by each source.
func TransactionsBySource(p Page, f *aggregates.Flow) Content {
	whole := f.Volume.Now
	if whole.Sign() <= 0 {
		return Content{Missing: "Nothing moved in this period."}
	}
	var rows []barRow
	row := func(name string, href templ.SafeURL, volume ledger.Sum) {
		rows = append(rows, barRow{Name: brief(name, mostName), Href: href, Amount: moneyTile(volume, p.Settings), Exact: Money(volume, p.Settings),
			Bar: volume.Float64() / whole.Float64(), Share: Percent(volume.Float64() / whole.Float64())})
	}
	const most = 6 // rows beside the days
	rest, others := f.Others.Volume, f.Others.Sources
	for i, of := range f.Sources {
		if i < most {
			row(of.Source, transactionsOf(of.Source, "", ""), of.Volume)
			continue
		}
		rest, others = rest.Plus(of.Volume), others+1
	}
	if rest.Sign() > 0 {
		row("other ("+Count(others)+")", "", rest)
	}
	return Content{Sub: "Share of the value that all moved", Body: bars(rows, "Together", moneyTile(whole, p.Settings))}
}

// EntriesSub returns the line under the title of the list: what its rows are.
func EntriesSub(found *ledger.Entries, p Params, s ledger.Settings) string {
	switch {
	case found.Unknown:
		return "The ledger knows no account by this id or name."
	case found.Several:
		return "Several accounts have or had this name: give the id of one."
	case found.Cut && found.Next != nil:
		return "Looked at " + Plural(int64(found.Looked), "transaction", "transactions") + ", back to " + Date(found.Next.At, s) + " " + Time(found.Next.At, s) + ". The search goes on with older ones."
	}
	for _, d := range TransactionFilters() {
		if p.Get(d) != d.Default {
			return "Those that match, newest first"
		}
	}
	return "Newest first"
}

// furtherSides writes how many others paid or received.
func furtherSides(n int) string {
	if n <= 1 {
		return ""
	}
	return " and " + Plural(int64(n-1), "other", "others")
}

// oneLine returns the beginning of a message on one line.
func oneLine(text string) string {
	const most = 100
	return brief(strings.Join(strings.Fields(text), " "), most)
}

// whenEntered returns the column of the times of entries.
func whenEntered(entries []ledger.Entry, s ledger.Settings) aggregates.Column {
	return timesOf(entries, s, func(e ledger.Entry) time.Time { return e.At })
}
