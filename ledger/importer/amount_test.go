package importer

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestAmountsAreExact(t *testing.T) {
	english := numberFormat{decimal: '.', thousands: ',', symbol: "£"}
	german := numberFormat{decimal: ',', thousands: '.', symbol: "€"}
	for _, c := range []struct {
		format numberFormat
		text   string
		pence  int64
	}{
		{english, "1200.00", 120000},
		{english, "-2500", -250000},
		{english, "+0.5", 50},
		{english, ".5", 50},
		{english, "5.", 500},
		{english, " 1,234,567.89 ", 123456789},
		{english, "1234567.89", 123456789},
		{english, "£1,234.50", 123450},
		{english, "-£7", -700},
		{english, "£-7", -700},
		{english, "(7.25)", -725},
		{english, "2.5000000", 250},
		{english, "92233720368547758.07", math.MaxInt64},
		{english, "-92233720368547758.07", -math.MaxInt64},
		{german, "1.234,50", 123450},
		{german, "1234,5 €", 123450},
		{german, "-0,01", -1},
	} {
		d, err := c.format.parse(c.text)
		if err != nil {
			t.Errorf("parse(%q): %v", c.text, err)
			continue
		}
		if got, rounded, err := product(d, integer(1), 2, roundExact); got != c.pence || rounded || err != nil {
			t.Errorf("%q is %d minor units, %v, %v, want %d", c.text, got, rounded, err, c.pence)
		}
	}
}

func TestWhatIsNoAmountIsRefused(t *testing.T) {
	f := numberFormat{decimal: '.', thousands: ','}
	for _, text := range []string{"", " ", "-", ".", "NaN", "inf", "-Infinity", "1e3", "0x10", "1.2.3", "1,23", "1,2345", ",123", "12,,345",
		"1 234", "--1", "+-1", "1-", "(1", "1)", "(-1)", "½", "１", "1_000", "12a", "£", "()", "1,234.5,6"} {
		if d, err := f.parse(text); err == nil {
			t.Errorf("parse(%q) = %v, want an error", text, d)
		}
	}
	for _, text := range []string{strings.Repeat("9", 37), "0." + strings.Repeat("1", 37)} {
		if _, err := f.parse(text); !errors.Is(err, errTooLarge) {
			t.Errorf("parse(%q): %v, want %v", text, err, errTooLarge)
		}
	}
	if _, _, err := product(integer(math.MaxInt64), integer(1), 2, roundExact); !errors.Is(err, errTooLarge) {
		t.Errorf("the largest int64 in units as minor units: %v, want %v", err, errTooLarge)
	}
}

func TestRoundingGoesWhereTheMappingSays(t *testing.T) {
	for _, c := range []struct {
		text                   string
		halfEven, halfUp, down int64
	}{
		{"0.125", 12, 13, 12},
		{"0.135", 14, 14, 13},
		{"0.1251", 13, 13, 12},
		{"0.1249", 12, 12, 12},
		{"-0.125", -12, -13, -12},
		{"-0.135", -14, -14, -13},
	} {
		d, err := numberFormat{decimal: '.'}.parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		for how, want := range map[rounding]int64{roundHalfEven: c.halfEven, roundHalfUp: c.halfUp, roundDown: c.down} {
			if got, rounded, err := product(d, integer(1), 2, how); got != want || !rounded || err != nil {
				t.Errorf("%s rounded %s = %d, %v, %v, want %d", c.text, how, got, rounded, err, want)
			}
		}
		if _, _, err := product(d, integer(1), 2, roundExact); !errors.Is(err, errRounds) {
			t.Errorf("%s without rounding: %v, want %v", c.text, err, errRounds)
		}
	}
}

func TestAShiftMovesTheDecimalPoint(t *testing.T) {
	for _, c := range []struct {
		text     string
		shift    int
		decimals int
		how      rounding
		want     int64
		err      error
	}{
		{"1500000000000000000", -18, 9, roundExact, 1_500_000_000, nil},
		{"25000000000000000000", -18, 9, roundExact, 25_000_000_000, nil}, // more than 64 bits
		{"123456789012345678", -18, 9, roundExact, 0, errRounds},
		{"123456789012345678", -18, 9, roundHalfEven, 123_456_789, nil},
		{"123456789512345678", -18, 9, roundHalfEven, 123_456_790, nil},
		{"123456789912345678", -18, 9, roundDown, 123_456_789, nil},
		{"-123456789512345678", -18, 9, roundDown, -123_456_789, nil},
		{"0.123456789012345678", 0, 9, roundDown, 123_456_789, nil},
		{"120000000.000000000000000001", 0, 9, roundDown, 120_000_000_000_000_000, nil},
		{"10000000000000000000000000000", -18, 9, roundExact, 0, errTooLarge},
		{"12", 2, 2, roundExact, 120_000, nil},
		{"0.5", 3, 0, roundExact, 500, nil},
		{"1", -9, 2, roundDown, 0, nil},
	} {
		d, err := numberFormat{decimal: '.'}.parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		d = d.shift(c.shift)
		got, rounded, err := product(d, integer(1), c.decimals, c.how)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s shifted by %d is %d, %v, want %d, %v", c.text, c.shift, got, err, c.want, c.err)
		}
		if off := difference(d, integer(1), got, c.decimals); err == nil && rounded != (off.Sign() != 0) {
			t.Errorf("%s shifted by %d: rounded %t, off by %v", c.text, c.shift, rounded, off)
		}
	}
}

// FuzzAmount holds the parser and the multiplication against math/big.
func FuzzAmount(f *testing.F) {
	for _, text := range []string{"1.5", "-0.125", "92233720368547758.07", "1,234.5", "(3)", "NaN", "1e9", "£4"} {
		f.Add(text, int64(3))
	}
	format := numberFormat{decimal: '.', thousands: ',', symbol: "£"}
	f.Fuzz(func(t *testing.T, text string, quantity int64) {
		d, err := format.parse(text)
		if err != nil || quantity == math.MinInt64 {
			return
		}
		plain := strings.NewReplacer(",", "", "£", "", " ", "", "\t", "", "\n", "", "(", "-", ")", "").Replace(strings.TrimSpace(text))
		if want, ok := new(big.Rat).SetString(plain); ok && want.Cmp(d.rat()) != 0 {
			t.Fatalf("parse(%q) = %v, want %v", text, d.rat(), want)
		}
		amount, rounded, err := product(d, integer(quantity), 2, roundHalfEven)
		exact := new(big.Rat).Mul(d.rat(), new(big.Rat).SetInt64(quantity))
		if err != nil {
			if cents, _ := new(big.Rat).Mul(exact, big.NewRat(100, 1)).Float64(); math.Abs(cents) < math.MaxInt64/2 {
				t.Fatalf("%q × %d: %v, but it fits", text, quantity, err)
			}
			return
		}
		off := difference(d, integer(quantity), amount, 2)
		if off.Abs(off).Cmp(big.NewRat(1, 200)) > 0 || rounded != (off.Sign() != 0) {
			t.Fatalf("%q × %d = %d, which is off by %v, rounded %v", text, quantity, amount, off, rounded)
		}
	})
}
