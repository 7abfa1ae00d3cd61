package aggregates

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestInt128IsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		x, y := big.NewInt(a), big.NewInt(b)
		if got, want := product(a, b).big(), new(big.Int).Mul(x, y); got.Cmp(want) != 0 {
			t.Fatalf("%d × %d = %v, want %v", a, b, got, want)
		}
		if got, want := int128Of(a).plus(int128Of(b)).big(), new(big.Int).Add(x, y); got.Cmp(want) != 0 {
			t.Fatalf("%d + %d = %v, want %v", a, b, got, want)
		}
		sum := int128Of(a).minus(int128Of(b))
		want := new(big.Int).Sub(x, y)
		if got := sum.big(); got.Cmp(want) != 0 || sum.sign() != want.Sign() {
			t.Fatalf("%d − %d = %v, sign %d, want %v", a, b, got, sum.sign(), want)
		}
		if got, fits := sum.int64(); fits != want.IsInt64() || fits && got != want.Int64() {
			t.Fatalf("%v as int64 = %d, %v", want, got, fits)
		}
	})
}
