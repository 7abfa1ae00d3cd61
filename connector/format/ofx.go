package format

import (
	"errors"
	"fmt"
	"html"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// readOFX reads the statements of an OFX file, of version 1 (SGML, in which elements with
// a value are not closed) or 2 (XML).
func readOFX(text []byte, f func(fields []string) error) error {
	if !utf8.Valid(text) {
		text, _ = charmap.Windows1252.NewDecoder().Bytes(text) // never fails
	}
	root, err := parseOFX(string(text))
	if err != nil {
		return err
	}
	statements := append(root.all("STMTRS"), root.all("CCSTMTRS")...)
	if len(statements) == 0 {
		return errors.New("it is not OFX: it has no statement")
	}
	for _, s := range statements {
		if err := s.statement(f); err != nil {
			return err
		}
	}
	return nil
}

// An ofxNode is an element with a value, or with others in it.
type ofxNode struct {
	name, value string
	in          []*ofxNode
}

const maxOFXDepth = 50

// parseOFX reads elements. One with a value ends with it; any other ends with its end.
func parseOFX(text string) (*ofxNode, error) {
	begin := strings.Index(strings.ToUpper(text), "<OFX>")
	if begin < 0 {
		return nil, errors.New("it is not OFX: it has no <OFX>")
	}
	root := &ofxNode{}
	open := []*ofxNode{root}
	for text = text[begin:]; ; {
		start := strings.IndexByte(text, '<')
		if start < 0 {
			break
		}
		end := strings.IndexByte(text[start:], '>')
		if end < 0 {
			return nil, errors.New("it is not OFX: it ends within a tag")
		}
		tag := strings.ToUpper(strings.TrimSpace(text[start+1 : start+end]))
		text = text[start+end+1:]
		if name, is := strings.CutPrefix(tag, "/"); is {
			// The end of an element with a value closes nothing.
			for i := len(open) - 1; i > 0; i-- {
				if open[i].name == name {
					open = open[:i]
					break
				}
			}
			continue
		}
		if strings.HasPrefix(tag, "?") || strings.HasPrefix(tag, "!") {
			continue
		}
		value := text
		if next := strings.IndexByte(text, '<'); next >= 0 {
			value = text[:next]
		}
		node := &ofxNode{name: tag, value: strings.TrimSpace(html.UnescapeString(value))}
		last := open[len(open)-1]
		last.in = append(last.in, node)
		if node.value == "" && !strings.HasPrefix(strings.TrimSpace(text), "</"+tag+">") {
			if len(open) > maxOFXDepth {
				return nil, errors.New("it is not OFX: it is too deep")
			}
			open = append(open, node)
		}
	}
	if len(open) > 1 {
		return nil, fmt.Errorf("it is not whole: <%s> has no end", open[len(open)-1].name)
	}
	return root, nil
}

// all returns the elements of a name.
func (n *ofxNode) all(name string) (found []*ofxNode) {
	for _, in := range n.in {
		if in.name == name {
			found = append(found, in)
		} else {
			found = append(found, in.all(name)...)
		}
	}
	return found
}

// text returns the value of the first element of a name.
func (n *ofxNode) text(name string) string {
	for _, found := range n.all(name) {
		return found.value
	}
	return ""
}

// statement passes on the rows of a statement. What the account had before is its balance
// without the entries.
func (n *ofxNode) statement(f func(fields []string) error) error {
	own := n.text("ACCTID")
	for _, account := range append(n.all("BANKACCTFROM"), n.all("CCACCTFROM")...) {
		own = firstOf(account.text("ACCTID"), own)
		break
	}
	if bank := n.text("BANKID"); bank != "" {
		own = bank + ":" + own
	}
	currency := n.text("CURDEF")
	var entries []statementRow
	sum, known := new(big.Rat), true
	for _, e := range n.all("STMTTRN") {
		row := statementRow{kind: statementEntry, own: own, currency: currency, at: ofxDate(e.text("DTPOSTED")), ref: e.text("FITID"),
			amount: strings.Replace(e.text("TRNAMT"), ",", ".", 1), party: e.text("NAME"), text: firstOf(e.text("MEMO"), e.text("NAME"))}
		row.amount = strings.TrimPrefix(row.amount, "+")
		amount, ok := ofxAmount(row.amount)
		if known = known && ok; known {
			sum.Add(sum, amount)
		}
		entries = append(entries, row)
	}
	for _, b := range n.all("LEDGERBAL") {
		closing := statementRow{kind: statementClosing, own: own, currency: currency, at: ofxDate(b.text("DTASOF")), amount: strings.Replace(b.text("BALAMT"), ",", ".", 1)}
		if balance, ok := ofxAmount(closing.amount); ok && known {
			opening := closing
			opening.kind, opening.at = statementOpening, firstOf(ofxDate(n.text("DTSTART")), closing.at)
			opening.amount = balance.Sub(balance, sum).FloatString(9)
			if err := f(opening.fields()); err != nil {
				return err
			}
		}
		if err := f(closing.fields()); err != nil {
			return err
		}
	}
	for _, row := range entries {
		if err := f(row.fields()); err != nil {
			return err
		}
	}
	return nil
}

var ofxNumber = regexp.MustCompile(`^[+-]?\d{1,18}(\.\d{0,18})?$`)

func ofxAmount(text string) (*big.Rat, bool) {
	if !ofxNumber.MatchString(text) {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

var ofxTime = regexp.MustCompile(`^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?(?:\.\d+)?)?(?:\[([+-]?)(\d{1,2})(?:\.(\d+))?(?::\w*)?\])?$`)

// ofxDate returns a date such as 20260103120000.000[-5:EST] as 2026-01-03T12:00:00-05:00.
func ofxDate(text string) string {
	m := ofxTime.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	date := m[1] + "-" + m[2] + "-" + m[3]
	if m[4] == "" {
		return date
	}
	date += "T" + m[4] + ":" + m[5] + ":" + firstOf(m[6], "00")
	if m[8] == "" {
		return date
	}
	minutes := map[string]string{"": "00", "5": "30", "50": "30", "30": "30", "75": "45", "45": "45"}[m[9]]
	return fmt.Sprintf("%s%s%02s:%s", date, firstOf(m[7], "+"), m[8], firstOf(minutes, "00"))
}
