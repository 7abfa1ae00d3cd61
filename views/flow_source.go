package views

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// The parameters of who paid and who received.
var (
	FromParam = partyParam("from", "Paid by")
	ToParam   = partyParam("to", "Received by")
)

func partyParam(name, label string) *Param {
	d := &Param{
		Name: name, Label: label, Default: aggregates.Party{}.Key(), Quiet: true,
		Nearest: func(s string) string { return aggregates.ParseParty(s).Key() },
		Options: []Option{{aggregates.Party{}.Key(), "any", "everybody"}},
	}
	for _, p := range aggregates.Parties() {
		text := partyName(p)
		d.Options = append(d.Options, Option{p.Key(), text, text + " accounts"})
	}
	return d
}

// partyName returns the name of one side of flows: "personal", "system, issuing".
func partyName(p aggregates.Party) string {
	if p.Issuer {
		return string(p.Kind) + ", issuing"
	}
	return string(p.Kind)
}

// SourcePath is the address of the page of a source.
const SourcePath = "/economy/sources/{ref}"

// sourceAddress returns the address of the page of a source, between two sides
// unless they are empty, with the page's days.
func sourceAddress(p Page, source, from, to string) templ.SafeURL {
	declared := []*Param{DaysParam, FromParam, ToParam}
	params := p.Params.Of([]*Param{DaysParam})
	for d, value := range map[*Param]string{FromParam: from, ToParam: to} {
		if value != "" {
			params = params.With(declared, d, value)
		}
	}
	return templ.SafeURL(PageInfo{Path: SourcePath}.at(source) + params.Of(declared).Query())
}

// panelAddress returns the address of a panel of this page by itself, with the
// page's days.
func (p Page) panelAddress(name string) templ.SafeURL {
	return templ.SafeURL(p.Info.at(p.Params.Ref) + "/" + name + p.Params.Of([]*Param{DaysParam}).Query())
}

// SourceSums shows what moved by a source beside the period before.
func SourceSums(p Page, v *aggregates.SourceDays) Content {
	return Content{Sub: sourceSub(v), Says: saySource(v, p.Settings), Body: tiles([]tile{
		comparedTile("moved", "Moved", moneyTile(v.Volume.Now, p.Settings), v.Volume),
		comparedTile("created", "Of it created", moneyTile(v.Created.Now, p.Settings), v.Created),
		comparedTile("destroyed", "Of it destroyed", moneyTile(v.Destroyed.Now, p.Settings), v.Destroyed),
	})}
}

// sourceSub says between whom.
func sourceSub(v *aggregates.SourceDays) string {
	from, to := aggregates.ParseParty(v.From), aggregates.ParseParty(v.To)
	switch any := (aggregates.Party{}); {
	case from == any && to == any:
		return "Between all accounts"
	case from == any:
		return "To " + partyName(to) + " accounts"
	case to == any:
		return "From " + partyName(from) + " accounts"
	}
	return "From " + partyName(from) + " to " + partyName(to) + " accounts"
}

// saySource says what moved, if anything did.
func saySource(v *aggregates.SourceDays, s ledger.Settings) Sentence {
	if v.Volume.Now.Sign() <= 0 {
		return Sentence{}
	}
	said := phrase("", moneyTile(v.Volume.Now, s), " moved "+within(v.Period, s))
	if more := against(&v.Volume.Now, v.Volume.Before, measured{"much", "less", ""}, v.Period); more != nil {
		said = append(append(said, phrase(", ")...), more...)
	}
	return Sentence{Words: said}
}

// SourceMoves shows what moved by a source as columns by day.
func SourceMoves(p Page, v *aggregates.SourceDays) Content {
	c := chart.Columns{
		About: chart.About{ID: "days", Title: "Moved a " + v.Bucket},
		Ticks: moneyTicks(p.Settings), Least: 1,
		Empty: "Nothing moved in this period.",
	}
	var starts []time.Time
	for _, m := range v.Moves {
		starts = append(starts, m.Start)
		var parts []string
		if m.Created.Sign() > 0 {
			parts = append(parts, Money(m.Created, p.Settings)+" created")
		}
		if m.Destroyed.Sign() > 0 {
			parts = append(parts, Money(m.Destroyed, p.Settings)+" destroyed")
		}
		column := chart.Column{
			Value: m.Volume.Float64(), Partial: m.Partial,
			Tip:     Money(m.Volume, p.Settings) + "\n" + strings.Join(append([]string{bucketName(m.Start, v.Bucket, p.Settings)}, parts...), ", "),
			Written: bucketShort(m.Start, v.Bucket, p.Settings) + ": " + MoneyCompact(m.Volume.Float64(), p.Settings),
		}
		c.Values = append(c.Values, column)
	}
	if v.Volume.Now.Sign() == 0 {
		c.Values = nil
	}
	c.Labels = chart.DateLabels(starts, v.Bucket)
	address := p.compareLink(aggregates.SeriesRef{Kind: aggregates.SeriesSource, Ref: v.Source})
	return Content{Sub: "Moved a " + v.Bucket + symbolNote(p.Settings), Body: compareWith(c.Draw(), address, v.Source, "")}
}

// symbolNote is the unit of money after a description: ", ₤".
func symbolNote(s ledger.Settings) string {
	if s.Symbol == "" {
		return ""
	}
	return ", " + s.Symbol
}
