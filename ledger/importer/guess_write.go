package importer

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// format plans how the file is written: [ledger] and [csv].
func (p *plan) format() {
	choice, agree := chooseNumbers(p.numbers, p.s.delimiter)
	if !agree && len(p.numbers) > 0 {
		p.doubt("the columns of numbers are not written alike")
	}
	symbol, note := p.symbol()
	name := stem(p.s.path)
	head := []planLine{{"name", tomlText(name), "of the economy, as the pages show it"}, {"symbol", tomlText(symbol), note}}
	p.ledger = append(append(head, p.decimals(choice)...), p.ledger...)

	add := func(key, value, note string) { p.csv = append(p.csv, planLine{key, value, note}) }
	add("delimiter", tomlText(string(p.s.delimiter)), "")
	if p.s.encoding != "utf-8" {
		add("encoding", tomlText(p.s.encoding), p.doubt("the file is not UTF-8; are accents and umlauts right?"))
	}
	numberNote := ""
	if choice.unsure != "" {
		numberNote = p.doubt(choice.unsure)
	}
	add("decimal", tomlText(string(choice.decimal)), numberNote)
	if choice.thousands != 0 {
		add("thousands", tomlText(string(choice.thousands)), "")
	}
	p.dateFormats(add, symbol)
	if p.s.ragged > 0 {
		p.doubt(fmt.Sprintf("%d rows have another number of fields than the header, which cannot be imported", p.s.ragged))
	}
	p.failures()
}

func (p *plan) dateFormats(add func(key, value, note string), symbol string) {
	pick, found := p.roles["date"]
	if !found || !pick.dates.found() {
		add("dates", `["YYYY-MM-DD"]`, "how dates are written")
		return
	}
	d := pick.dates
	note := d.unsure
	if d.other != "" {
		if symbol == "$" && strings.Index(d.other, "M") < strings.Index(d.other, "D") {
			d.formats[0], d.other = d.other, d.formats[0]
		}
		note = "is " + shortened(pick.values[0]) + " written " + dayOrMonth(d.formats[0]) + "? if not: " + tomlTexts([]string{d.other})
	}
	if note != "" {
		note = p.doubt(note)
	}
	add("dates", tomlTexts(d.formats), note)
	if strings.Contains(d.formats[0], "hh") && !strings.Contains(d.formats[0], "ZZ") {
		add("# time_zone", `"Europe/London"`, "of the times; UTC if it is left out")
	}
}

func dayOrMonth(format string) string {
	if strings.Index(format, "D") < strings.Index(format, "M") {
		return "day first"
	}
	return "month first"
}

// currencies are codes with symbols that only they have, or nearly so.
var currencies = [...]struct{ code, symbol string }{{"EUR", "€"}, {"USD", "$"}, {"GBP", "£"}, {"JPY", "¥"}}

// symbol returns the currency's symbol and a comment.
func (p *plan) symbol() (symbol, note string) {
	for _, c := range p.numbers {
		if c.numbers.symbol != "" {
			return c.numbers.symbol, ""
		}
	}
	if currency, found := p.roles["currency"]; found && len(currency.values) > 0 {
		first := currency.values[0]
		for _, v := range currency.values {
			if v != first {
				return "", p.doubt(fmt.Sprintf("%s has %s and %s; a ledger has one currency: split the file", shortened(currency.header), shortened(first), shortened(v)))
			}
		}
		for _, known := range currencies {
			if first == known.code {
				return known.symbol, ""
			}
		}
		if len(first) <= 12 {
			return first, ""
		}
	}
	for _, c := range p.numbers {
		for _, known := range currencies {
			if strings.Contains(c.header, known.symbol) || c.has(strings.ToLower(known.code)) {
				return known.symbol, ""
			}
		}
	}
	return "", `of the currency, such as "€"`
}

// maxDecimals is how many a ledger may have.
const maxDecimals = 6

func (p *plan) decimals(choice numberChoice) []planLine {
	most := 0
	for _, c := range p.numbers {
		if c != p.roles["quantity"].guessColumn {
			most = max(most, choice.decimalsOf(c))
		}
	}
	note := "digits after the point; it cannot be changed later"
	if len(p.numbers) == 0 {
		return []planLine{{"decimals", "2", note}}
	}
	if !p.s.whole {
		note = fmt.Sprintf("as many as the first %d rows have; it cannot be changed later", len(p.s.rows))
	}
	if most <= maxDecimals {
		return []planLine{{"decimals", strconv.Itoa(most), note}}
	}
	return []planLine{
		{"decimals", strconv.Itoa(maxDecimals), p.doubt(fmt.Sprintf("there are amounts with %d decimals; a ledger has at most %d", most, maxDecimals))},
		{"round", `"half-even"`, "what rounding adds is summed and reported"},
	}
}

// failures records a column that says which rows failed.
func (p *plan) failures() {
	if c, found := p.roles["failed"]; found && c.is("error", "failed", "failure") && len(c.values) > 0 && c.empty > 0 {
		p.doubt(fmt.Sprintf("%s has a value in %d of %d rows; if these failed, remove them before the import", shortened(c.header), len(c.values), len(p.s.rows)))
	}
}

// write returns the mapping as TOML.
func (p *plan) write() string {
	var b strings.Builder
	path := filepath.Base(p.s.path)
	rows := "its rows"
	if !p.s.whole {
		rows = fmt.Sprintf("its first %d rows", len(p.s.rows))
	}
	fmt.Fprintf(&b, "# A draft for %s, guessed from its header and %s. Look at it, and at what\n# is marked unsure, before you import. All keys: docs/import.md.\n#\n", comment(path), rows)
	fmt.Fprintf(&b, "#   exchequer import --mapping THIS --check %s\n", comment(path))
	for _, doubt := range p.unsure {
		fmt.Fprintf(&b, "#\n# unsure: %s\n", comment(doubt))
	}
	for _, lack := range p.missing {
		fmt.Fprintf(&b, "#\n# fill in: %s\n", comment(lack))
	}
	fmt.Fprintf(&b, "\norigin = %s  # the namespace of this data's refs; keep it\n", tomlText(stem(p.s.path)))
	table(&b, "[ledger]", p.ledger)
	table(&b, "[csv]", p.csv)
	table(&b, "[columns]  # name in this file = header in the data", p.columns)
	var unused []string
	for i, c := range p.all {
		if !p.uses(c) {
			unused = append(unused, p.s.header[i])
		}
	}
	if len(unused) > 0 {
		fmt.Fprintf(&b, "# not used: %s\n", comment(quoted(unused, ", ")))
	}
	if len(p.constants) > 0 {
		table(&b, "[constants]", p.constants)
	}
	for _, account := range p.accounts {
		table(&b, "[[accounts]]", account)
	}
	table(&b, "[transaction]", p.transaction)
	if len(p.sale) > 0 {
		table(&b, "[sale]", p.sale)
	}
	return b.String()
}

func (p *plan) uses(c *guessColumn) bool {
	for _, used := range p.used {
		if used == c {
			return true
		}
	}
	return false
}

func table(b *strings.Builder, head string, lines []planLine) {
	fmt.Fprintf(b, "\n%s\n", head)
	width := 0
	for _, l := range lines {
		width = max(width, len(l.key))
	}
	for _, l := range lines {
		fmt.Fprintf(b, "%-*s = %s", width, l.key, l.value)
		if l.note != "" {
			fmt.Fprintf(b, "  # %s", comment(l.note))
		}
		b.WriteByte('\n')
	}
}

// comment returns a text without what may not stand in a comment.
func comment(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "�"))
}
