package importer_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
	"exchequer/ledger/importer"
)

const members = `origin = "club"
ledger = { name = "Club", decimals = 2 }
columns = { date = "date", payer = "from", payee = "to", amount = "amount" }
accounts = [{ role = "payer", ref = "{payer}", kind = "personal" },
            { role = "payee", ref = "{payee}", kind = "personal" }]
[transaction]
at = "date"
from = "payer"
to = "payee"
amount = "amount"
source = "payment"
`

const minted = "date,from,to,amount\n2026-01-01,Mint,anna,100\n2026-01-02,anna,ben,5\n2026-01-03,carol,ben,1\n"

func TestACheckAsksForTheIssuer(t *testing.T) {
	file := save(t, "own.csv", minted)
	check, err := parse(t, members).CheckFiles(t.Context(), []string{file}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := importer.IssuerCheck{Moves: true, Asked: []importer.Payer{{Account: "Mint", Paid: 10000}}, Setting: `issuers = ["Mint"]`}
	if diff := cmp.Diff(want, check.Issuers); diff != "" {
		t.Errorf("the check (-want +got):\n%s", diff)
	}

	answered := strings.Replace(members, "decimals = 2", "decimals = 2, "+want.Setting, 1)
	check, err = parse(t, answered).CheckFiles(t.Context(), []string{file}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	want = importer.IssuerCheck{Moves: true, Issued: true, Supply: 10000, Asked: []importer.Payer{}, Setting: `issuers = ["Mint"]`}
	if diff := cmp.Diff(want, check.Issuers); diff != "" {
		t.Errorf("the check of the mapping with that line (-want +got):\n%s", diff)
	}
	if a := check.Files[0].Example.Accounts[0]; a.Ref != "Mint" || a.Kind != ledger.System {
		t.Errorf("the first account is %+v, want the mint as a system account", a)
	}
}

func TestIssuersAreNamedByHowTheyBegin(t *testing.T) {
	m := parse(t, strings.Replace(members, "decimals = 2", `decimals = 2, issuers = ["income:*"]`, 1))
	file := save(t, "own.csv", "date,from,to,amount\n2026-01-01,income:salary,income,100\n")
	check, err := m.CheckFiles(t.Context(), []string{file}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	a := check.Files[0].Example.Accounts
	if len(a) != 2 || a[0].Kind != ledger.System || a[1].Kind != ledger.Personal {
		t.Errorf("the accounts are %+v, want income:salary to issue and income not to", a)
	}
}

func TestTheSignOfAnAmountMayMeanNothing(t *testing.T) {
	m := parse(t, members+`negative = "absolute"`)
	check, err := m.CheckFiles(t.Context(), []string{save(t, "own.csv", "date,from,to,amount\n2026-01-01,anna,ben,-5\n")}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := []ledger.Posting{{Account: "anna", Amount: -500}, {Account: "ben", Amount: 500}}
	if diff := cmp.Diff(want, check.Files[0].Example.Transactions[0].Postings); diff != "" {
		t.Errorf("postings (-want +got):\n%s", diff)
	}
}
