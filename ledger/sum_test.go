package ledger

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"exchequer/internal/testkit"
)

// A Sum calculates as a big integer does, and is the same after JSON and after
// Postgres.
func TestSumsAreExact(t *testing.T) {
	db := testkit.Postgres(t)
	edges := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 53, 10_000, 1_000_000_000_000}
	pick := func() int64 {
		if rand.IntN(2) == 0 {
			return edges[rand.IntN(len(edges))]
		}
		return rand.Int64() >> rand.IntN(63) * int64(1-2*rand.IntN(2))
	}
	for range 300 {
		x, y, z := pick(), pick(), pick()
		got := Product(x, y).Add(z).Minus(SumOf(y)).Plus(SumOf(x).Neg())
		want := new(big.Int).Mul(big.NewInt(x), big.NewInt(y))
		want.Add(want, big.NewInt(z)).Sub(want, big.NewInt(y)).Sub(want, big.NewInt(x))
		if got.Big().Cmp(want) != 0 || got.String() != want.String() || got.Sign() != want.Sign() {
			t.Fatalf("%d × %d + %d − %d − %d = %s, want %s", x, y, z, y, x, got, want)
		}
		if small, fits := got.Int64(); fits != want.IsInt64() || fits && small != want.Int64() {
			t.Fatalf("Int64 of %s = %d, %t", want, small, fits)
		}
		if near, _ := new(big.Float).SetInt(want).Float64(); got.Float64() != near {
			t.Fatalf("Float64 of %s = %v, want %v", want, got.Float64(), near)
		}
		if c := got.Compare(SumOf(z)); c != want.Cmp(big.NewInt(z)) {
			t.Fatalf("%s compared with %d is %d", want, z, c)
		}
		var read Sum
		if text, err := json.Marshal(got); err != nil || string(text) != want.String() || json.Unmarshal(text, &read) != nil || read != got {
			t.Fatalf("%s is %s in JSON and then %s, %v", want, text, read, err)
		}
		var text string
		var many []Sum
		err := db.QueryRow(t.Context(), `SELECT $1::numeric, $1::numeric::text, $2::numeric[]`, got, []Sum{got, SumOf(x)}).Scan(&read, &text, &many)
		if err != nil || read != got || text != want.String() || len(many) != 2 || many[0] != got || many[1] != SumOf(x) {
			t.Fatalf("%s is %s in Postgres and then %s, %v, %v", want, text, read, many, err)
		}
	}
	var s Sum
	for _, bad := range []string{`"1"`, `1.5`, `null`, `1e3`, `170141183460469231731687303715884105728`} {
		if err := json.Unmarshal([]byte(bad), &s); err == nil && bad != "null" {
			t.Errorf("%s was read as %s", bad, s)
		}
	}
	if err := db.QueryRow(t.Context(), `SELECT 1.5`).Scan(&s); err == nil {
		t.Errorf("1.5 was read as %s", s)
	}
}
