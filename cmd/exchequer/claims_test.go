package main

import (
	"strings"
	"testing"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestAnOperatorSaysWhoseAnAccountIs(t *testing.T) {
	url := testkit.PostgresURL(t)
	t.Setenv("DATABASE_URL", url)
	if _, err := ledger.New(pool(t, url)).Append(t.Context(), ledger.Batch{Accounts: []ledger.Account{{Ref: "a1", Kind: ledger.Personal, Name: "Ann"}}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, out string
		code      int
	}{
		{"grant user:7 nobody", `0 accounts are called "nobody"`, 1},
		{"grant user:7 Ann", "a1 is the account of user:7", 0},
		{"list", "user:7   a1", 0},
		{"list", "an operator", 0},
		{"revoke user:7 a1", "a1 is no account of user:7 any more", 0},
		{"revoke user:7 a1", "user:7 has no claim to a1", 1},
	} {
		code, out, said := exchequer(t, append([]string{"claims"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out+said, c.out) {
			t.Errorf("claims %s = %d, %s%s; want %d, %s", c.args, code, out, said, c.code, c.out)
		}
	}
}
