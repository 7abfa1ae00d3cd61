package format

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// A bank's statement has rows of one's own account: what it was before, the entries, what
// it is after.
var statementHeader = []string{"kind", "own", "currency", "at", "amount", "ref", "party", "text"}

const (
	statementOpening = "opening"
	statementEntry   = "entry"
	statementClosing = "closing"
)

type statementRow struct{ kind, own, currency, at, amount, ref, party, text string }

func (r statementRow) fields() []string {
	return []string{r.kind, r.own, r.currency, r.at, r.amount, r.ref, r.party, r.text}
}

// camtFile is a camt.053, of any version: names of elements are compared without their
// namespace.
type camtFile struct {
	Statements []struct {
		IBAN     string        `xml:"Acct>Id>IBAN"`
		Other    string        `xml:"Acct>Id>Othr>Id"`
		Balances []camtBalance `xml:"Bal"`
		Entries  []camtEntry   `xml:"Ntry"`
	} `xml:"BkToCstmrStmt>Stmt"`
}

type camtAmount struct {
	Value    string `xml:",chardata"`
	Currency string `xml:"Ccy,attr"`
}

type camtDate struct {
	Date string `xml:"Dt"`
	Time string `xml:"DtTm"`
}

func (d camtDate) String() string { return strings.TrimSpace(d.Date + d.Time) }

type camtBalance struct {
	Code   string     `xml:"Tp>CdOrPrtry>Cd"`
	Amount camtAmount `xml:"Amt"`
	Sign   string     `xml:"CdtDbtInd"`
	Date   camtDate   `xml:"Dt"`
}

type camtEntry struct {
	Amount camtAmount `xml:"Amt"`
	Sign   string     `xml:"CdtDbtInd"`
	Status struct {
		Text string `xml:",chardata"`
		Code string `xml:"Cd"`
	} `xml:"Sts"`
	Booked  camtDate `xml:"BookgDt"`
	Value   camtDate `xml:"ValDt"`
	BankRef string   `xml:"AcctSvcrRef"`
	Info    string   `xml:"AddtlNtryInf"`
	Details []struct {
		Debtor struct {
			Name  string `xml:"Nm"`
			Party string `xml:"Pty>Nm"`
		} `xml:"RltdPties>Dbtr"`
		Creditor struct {
			Name  string `xml:"Nm"`
			Party string `xml:"Pty>Nm"`
		} `xml:"RltdPties>Cdtr"`
		DebtorIBAN   string   `xml:"RltdPties>DbtrAcct>Id>IBAN"`
		CreditorIBAN string   `xml:"RltdPties>CdtrAcct>Id>IBAN"`
		Text         []string `xml:"RmtInf>Ustrd"`
	} `xml:"NtryDtls>TxDtls"`
}

// signed returns an amount with its sign. The amounts of a statement have none.
func signed(amount, indicator string) (string, error) {
	switch amount = strings.TrimSpace(amount); strings.TrimSpace(indicator) {
	case "CRDT":
		return amount, nil
	case "DBIT":
		return "-" + amount, nil
	}
	return "", fmt.Errorf("an amount is neither CRDT nor DBIT, but %q", indicator)
}

func readCAMT053(text []byte, f func(fields []string) error) error {
	dec := xml.NewDecoder(bytes.NewReader(text))
	dec.CharsetReader = func(charset string, from io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		case "iso-8859-1", "windows-1252":
			return charmap.Windows1252.NewDecoder().Reader(from), nil
		}
		return nil, fmt.Errorf("its encoding is %q, want UTF-8", charset)
	}
	var file camtFile
	if err := dec.Decode(&file); err != nil {
		return fmt.Errorf("it is not a camt.053: %w", err)
	}
	if len(file.Statements) == 0 {
		return errors.New("it is not a camt.053: it has no statement")
	}
	for _, s := range file.Statements {
		own := strings.TrimSpace(s.IBAN + s.Other)
		for _, b := range s.Balances {
			row := statementRow{own: own, currency: b.Amount.Currency, at: b.Date.String()}
			switch strings.TrimSpace(b.Code) {
			case "OPBD", "PRCD":
				row.kind = statementOpening
			case "CLBD":
				row.kind = statementClosing
			default: // what is available, or expected
				continue
			}
			var err error
			if row.amount, err = signed(b.Amount.Value, b.Sign); err == nil {
				err = f(row.fields())
			}
			if err != nil {
				return err
			}
		}
		for _, e := range s.Entries {
			if status := strings.TrimSpace(e.Status.Text + e.Status.Code); status != "BOOK" {
				continue // it is pending, or for information
			}
			row, err := e.row(own)
			if err == nil {
				err = f(row.fields())
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *camtEntry) row(own string) (statementRow, error) {
	row := statementRow{kind: statementEntry, own: own, currency: e.Amount.Currency, at: e.Booked.String(), ref: strings.TrimSpace(e.BankRef), text: e.Info}
	if row.at == "" {
		row.at = e.Value.String()
	}
	var err error
	if row.amount, err = signed(e.Amount.Value, e.Sign); err != nil {
		return row, err
	}
	if len(e.Details) == 1 { // an entry of several payments has several others
		d := e.Details[0]
		row.party = firstOf(d.Debtor.Name, d.Debtor.Party, d.DebtorIBAN)
		if strings.HasPrefix(row.amount, "-") {
			row.party = firstOf(d.Creditor.Name, d.Creditor.Party, d.CreditorIBAN)
		}
		row.text = firstOf(strings.Join(d.Text, " "), row.text)
	}
	row.text = strings.Join(strings.Fields(row.text), " ")
	return row, nil
}

// firstOf returns the first text that has more than white space, without what is around it.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			return t
		}
	}
	return ""
}
