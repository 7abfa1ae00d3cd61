package connector_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
)

// A statement of two days, with what the bank says the balances were.
const camt = `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>1</MsgId></GrpHdr>
<Stmt><Id>1</Id><Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>PRCD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Dt><Dt>2026-01-01</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1884.40</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-02</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLAV</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">9999.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-02</Dt></Dt></Bal>
<Ntry><Amt Ccy="EUR">2000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-01-01</Dt></BookgDt><AcctSvcrRef>R1</AcctSvcrRef>
 <NtryDtls><TxDtls><RltdPties><Dbtr><Nm>Employer &amp; Co</Nm></Dbtr><Cdtr><Nm>Me</Nm></Cdtr></RltdPties><RmtInf><Ustrd>wages</Ustrd><Ustrd>January</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">2.80</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-01-02</Dt></BookgDt>
 <NtryDtls><TxDtls><RltdPties><Cdtr><Nm>Cafe</Nm></Cdtr></RltdPties></TxDtls></NtryDtls><AddtlNtryInf>card  payment</AddtlNtryInf></Ntry>
<Ntry><Amt Ccy="EUR">2.80</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-01-02</Dt></BookgDt>
 <NtryDtls><TxDtls><RltdPties><Cdtr><Nm>Cafe</Nm></Cdtr></RltdPties></TxDtls></NtryDtls><AddtlNtryInf>card  payment</AddtlNtryInf></Ntry>
<Ntry><Amt Ccy="EUR">10.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-01-02</Dt></BookgDt><AcctSvcrRef>R2</AcctSvcrRef>
 <NtryDtls><TxDtls><RltdPties><Cdtr><Nm>One</Nm></Cdtr></RltdPties></TxDtls><TxDtls><RltdPties><Cdtr><Nm>Two</Nm></Cdtr></RltdPties></TxDtls></NtryDtls><AddtlNtryInf>two payments</AddtlNtryInf></Ntry>
<Ntry><Amt Ccy="EUR">77.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>PDNG</Sts><BookgDt><Dt>2026-01-02</Dt></BookgDt></Ntry>
</Stmt></BkToCstmrStmt></Document>
`

// The next day, in a later version of the format.
const camtLater = `<?xml version="1.0" encoding="ISO-8859-1"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>2</Id><Acct><Id><IBAN>DE02120300000000202051</IBAN></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1884.40</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-03</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1784.40</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-03</Dt></Dt></Bal>
<Ntry><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>2026-01-03T09:15:00+01:00</DtTm></BookgDt><AcctSvcrRef>R3</AcctSvcrRef>
 <NtryDtls><TxDtls><RltdPties><Cdtr><Pty><Nm>B` + "\xe4" + `cker</Nm></Pty></Cdtr></RltdPties></TxDtls></NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>
`

const sgml = `OFXHEADER:100
DATA:OFXSGML
VERSION:102
ENCODING:USASCII
CHARSET:1252

<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20260104<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS><TRNUID>0<STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>12030000<ACCTID>202051<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20260101<DTEND>20260103
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260101120000.000[-5:EST]<TRNAMT>+2000,00<FITID>F1<NAME>Employer &amp; Co<MEMO>wages</STMTTRN>
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260102<TRNAMT>-2.80<FITID>F2<NAME>Cafe<MEMO></STMTTRN>
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260102<TRNAMT>-2.80<FITID>F3<NAME>Cafe</STMTTRN>
</BANKTRANLIST><LEDGERBAL><BALAMT>1894.40<DTASOF>20260103</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
`

// The same, as version 2, and a day later.
const ofxXML = `<?xml version="1.0" encoding="UTF-8"?><?OFX OFXHEADER="200" VERSION="211"?>
<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR</CURDEF><BANKACCTFROM><BANKID>12030000</BANKID><ACCTID>202051</ACCTID></BANKACCTFROM>
<BANKTRANLIST><DTSTART>20260102</DTSTART><STMTTRN><DTPOSTED>20260102</DTPOSTED><TRNAMT>-2.80</TRNAMT><FITID>F3</FITID><NAME>Cafe</NAME></STMTTRN>
<STMTTRN><DTPOSTED>20260104</DTPOSTED><TRNAMT>-100</TRNAMT><FITID>F4</FITID><NAME>Bäcker</NAME><MEMO></MEMO></STMTTRN></BANKTRANLIST>
<LEDGERBAL><BALAMT>1794.40</BALAMT><DTASOF>20260104</DTASOF></LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
`

func TestStatementsOfABankBecomeALedger(t *testing.T) {
	for preset, c := range map[string]struct {
		first, second, want, transactions string
	}{
		"camt053": {camt, camtLater, `DE02120300000000202051 personal DE02120300000000202051 178440
before the first statement system before the first statement 10000
party: system Unknown 1000
party:Bäcker system Bäcker 10000
party:Cafe system Cafe 560
party:Employer & Co system Employer & Co -200000`, "01-01 00:00 opening \n01-01 00:00 bank wages January\n01-02 00:00 bank card payment\n01-02 00:00 bank card payment\n01-02 00:00 bank two payments\n01-03 08:15 bank "},
		"ofx": {sgml, ofxXML, `12030000:202051 personal 12030000:202051 179440
before the first statement system before the first statement 10000
party:Bäcker system Bäcker 10000
party:Cafe system Cafe 560
party:Employer & Co system Employer & Co -200000`, "01-01 00:00 opening \n01-01 17:00 bank wages\n01-02 00:00 bank Cafe\n01-02 00:00 bank Cafe\n01-04 00:00 bank Bäcker"},
	} {
		t.Run(preset, func(t *testing.T) {
			db, folder := testkit.Postgres(t), t.TempDir()
			extension := map[string]string{"camt053": "xml", "ofx": "ofx"}[preset]
			for i, text := range []string{c.first, c.second} {
				if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.%s", i, extension)), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				syncOnce(t, db, preset, "dir:"+folder)
				if got := lines(t, db, `SELECT concat_ws(' ', accounts, drifting) FROM sync_sources`); got != "1 0" {
					t.Errorf("accounts whose closing balance was compared, and those that differ, after %d: %s", i+1, got)
				}
			}
			// One of the files by itself has nothing new.
			syncOnce(t, db, preset, "file:"+filepath.Join(folder, "0."+extension))
			if d := cmp.Diff(c.want, lines(t, db, allBalances)); d != "" {
				t.Errorf("balances (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.transactions, lines(t, db, `SELECT to_char(at, 'MM-DD HH24:MI') || ' ' || source || ' ' || coalesce(message, '') FROM transactions ORDER BY at, id`)); d != "" {
				t.Errorf("transactions (-want +got):\n%s", d)
			}
			if got := lines(t, db, allRejects); got != "" {
				t.Errorf("left out: %s", got)
			}
		})
	}
}

func TestAStatementThatIsNotWholeIsTriedAgain(t *testing.T) {
	for preset, text := range map[string]string{"camt053": camt, "ofx": sgml} {
		db, file := testkit.Postgres(t), filepath.Join(t.TempDir(), "statement")
		appendTo(t, file, text[:len(text)-60])
		err := follower(t, db, preset, "file:"+file).Once(t.Context())
		if err == nil || !strings.Contains(err.Error(), "it is not") {
			t.Errorf("%s: error %v, want that the file is not whole", preset, err)
		}
		if got := lines(t, db, `SELECT failures::text FROM sync_sources`) + lines(t, db, `SELECT ref FROM transactions`); got != "1" {
			t.Errorf("%s: failures and what was written: %s", preset, got)
		}
	}
}

func TestStatementsOfAnotherCurrencyAreLeftOut(t *testing.T) {
	db, folder := testkit.Postgres(t), t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		syncOnce(t, db, "camt053", "dir:"+folder)
	}
	write("2.xml", camt)
	before := lines(t, db, allBalances)
	// It is read first, and the ledger has euros.
	write("1.xml", strings.NewReplacer(`Ccy="EUR"`, `Ccy="CHF"`, "DE02", "CH02").Replace(camtLater))
	if d := cmp.Diff(before, lines(t, db, allBalances)); d != "" {
		t.Errorf("balances (-before +after):\n%s", d)
	}
	if got := lines(t, db, `SELECT DISTINCT reason FROM sync_rejects`); got != `column "currency" has "CHF" here, and "EUR" before: amounts of different money are never added` {
		t.Errorf("left out: %s", got)
	}
}
