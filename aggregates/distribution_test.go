package aggregates

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"exchequer/internal/testkit"
)

// A golden is an input with results that others published.
type golden struct {
	Name, Source, File, Column string
	X                          []json.Number
	Gini, GiniCorrected        *float64
	GiniRSV                    *float64
	Top10, Palma, Theil        json.RawMessage
	HHI, HHIFraction, Nakamoto *float64
	Lorenz                     []float64
}

func (g *golden) UnmarshalJSON(data []byte) error {
	var raw struct {
		Name          string          `json:"name"`
		Source        string          `json:"source"`
		File          string          `json:"file"`
		Column        string          `json:"column"`
		X             []json.Number   `json:"x"`
		Gini          *float64        `json:"gini"`
		GiniCorrected *float64        `json:"gini_corrected"`
		GiniRSV       *float64        `json:"gini_rsv"`
		Top10         json.RawMessage `json:"top10"`
		Palma         json.RawMessage `json:"palma"`
		Theil         json.RawMessage `json:"theil_t"`
		HHI           *float64        `json:"hhi"`
		HHIFraction   *float64        `json:"hhi_fraction"`
		Nakamoto      *float64        `json:"nakamoto"`
		Lorenz        []float64       `json:"lorenz"`
	}
	err := json.Unmarshal(data, &raw)
	*g = golden(raw)
	return err
}

func TestMeasuresAreWhatOthersPublished(t *testing.T) {
	file := testkit.Data(t, "inequality", "golden.json")
	checkGolden(t, file)
}

// The same without the shared data: testdata/golden.json holds its cases that
// are plain numbers.
func TestMeasuresAreWhatOthersPublishedForPlainNumbers(t *testing.T) {
	checkGolden(t, filepath.Join("testdata", "golden.json"))
}

func checkGolden(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Cases []golden }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Cases) < 9 {
		t.Fatalf("%d cases in %s, want at least 9", len(all.Cases), file)
	}
	for _, c := range all.Cases {
		t.Run(c.Name, func(t *testing.T) {
			if c.File != "" {
				c.X = column(t, filepath.Join(filepath.Dir(file), c.File), c.Column)
			}
			d := NewDistribution(minorUnits(t, c.X))
			n := float64(d.Len())
			near(t, "Gini", d.Gini(), c.Gini)
			near(t, "GiniNormal", d.GiniNormal(), c.GiniRSV)
			near(t, "HHI", d.HHI(), c.HHI)
			near(t, "Nakamoto", d.Nakamoto(), c.Nakamoto)
			nearRaw(t, "TopShare(10 %)", d.TopShare(10, 100), c.Top10)
			nearRaw(t, "Palma", d.Palma(), c.Palma)
			nearRaw(t, "Theil", d.Theil(), c.Theil)
			if c.GiniCorrected != nil {
				want := *c.GiniCorrected * (n - 1) / n
				near(t, "Gini", d.Gini(), &want)
			}
			if c.HHIFraction != nil {
				want := *c.HHIFraction * 1e4
				near(t, "HHI", d.HHI(), &want)
			}
			for k, want := range c.Lorenz {
				near(t, "BottomShare", d.BottomShare(k, d.Len()), &want)
			}
		})
	}
}

// near allows a unit in the last place of what was published: 7 digits or more
// for most, 6 after the point for some.
func near(t *testing.T, what string, got Measure, want *float64) {
	t.Helper()
	if want == nil {
		return
	}
	if got.Value == nil || math.Abs(*got.Value-*want) > 6e-7*max(1, math.Abs(*want)) {
		t.Errorf("%s = %v, want %v", what, got.cell(), *want)
	}
}

func nearRaw(t *testing.T, what string, got Measure, want json.RawMessage) {
	t.Helper()
	switch string(want) {
	case "":
	case "null":
		if got.Value != nil || !strings.HasSuffix(got.Why, ".") {
			t.Errorf("%s = %v because %q, want not available", what, got.cell(), got.Why)
		}
	default:
		var v float64
		if err := json.Unmarshal(want, &v); err != nil {
			t.Fatal(err)
		}
		near(t, what, got, &v)
	}
}

// minorUnits scales decimals to integers by a common power of ten: exactly,
// but for the one repeating decimal, which keeps fifteen digits.
func minorUnits(t *testing.T, numbers []json.Number) []int64 {
	t.Helper()
	decimals := 0
	for _, n := range numbers {
		if _, fraction, ok := strings.Cut(n.String(), "."); ok {
			decimals = max(decimals, len(fraction))
		}
	}
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil))
	balances := make([]int64, len(numbers))
	for i, n := range numbers {
		x, ok := new(big.Rat).SetString(n.String())
		if !ok || !x.Mul(x, scale).IsInt() || !x.Num().IsInt64() {
			t.Fatalf("%s does not scale by 10^%d", n, decimals)
		}
		balances[i] = x.Num().Int64()
	}
	return balances
}

func column(t *testing.T, file, name string) []json.Number {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var numbers []json.Number
	for c, title := range rows[0] {
		if title == name {
			for _, row := range rows[1:] {
				numbers = append(numbers, json.Number(row[c]))
			}
		}
	}
	if len(numbers) == 0 {
		t.Fatalf("%s has no column %s", file, name)
	}
	return numbers
}

func TestAMillionBalancesNearTheLargestNumberAreRight(t *testing.T) {
	const n = 1_000_000
	balances := make([]int64, n)
	for i := range balances {
		balances[i] = 1<<62 - int64(i) // all but equal
	}
	d := NewDistribution(balances)
	// x_i = a + i − 1 for i from 1, a = 2^62 − n + 1: the mean is a + (n−1)/2
	// and Σ (2i − n − 1) x_i = n (n² − 1) / 6.
	sum := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 63), big.NewInt(1-n))
	sum.Mul(sum, big.NewInt(n/2))
	spread := new(big.Int).Mul(big.NewInt(n), big.NewInt(n*n-1))
	spread.Quo(spread, big.NewInt(6))
	want := ratio(spread, new(big.Int).Mul(sum, big.NewInt(n)))
	if got := d.Gini(); *got.Value != want || want <= 0 {
		t.Errorf("Gini = %v, want %v", *got.Value, want)
	}
	if d.Total().Big().Cmp(sum) != 0 {
		t.Errorf("total = %v, want %v", d.Total().Big(), sum)
	}
	if got := d.Nakamoto(); *got.Value != n/2 {
		t.Errorf("Nakamoto = %v, want %v", *got.Value, n/2)
	}
	if got := d.HHI(); math.Abs(*got.Value-0.01) > 1e-12 {
		t.Errorf("HHI = %v, want 0.01", *got.Value)
	}
	if got := d.Theil(); *got.Value > 1e-12 {
		t.Errorf("Theil = %v, want 0", *got.Value)
	}
	if got := d.Median(); got != float64(1<<62-n/2) {
		t.Errorf("Median = %v, want %v", got, float64(1<<62-n/2))
	}

	for i := range balances {
		balances[i] = 1 << 62
	}
	d = NewDistribution(balances)
	for _, c := range []struct {
		what string
		got  Measure
		want float64
	}{
		{"Gini", d.Gini(), 0}, {"top 1 %", d.TopShare(1, 100), 0.01}, {"top 10 %", d.TopShare(10, 100), 0.1},
		{"bottom half", d.BottomShare(50, 100), 0.5}, {"Palma", d.Palma(), 0.25}, {"Theil", d.Theil(), 0},
	} {
		if c.got.Value == nil || *c.got.Value != c.want {
			t.Errorf("of equals: %s = %v, want exactly %v", c.what, c.got.cell(), c.want)
		}
	}
}

func TestAMeasureThatMeansNothingSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name     string
		balances []int64
		missing  string // measures that are not available
		because  string
	}{
		{"nobody", nil, "gini normal top bottom palma theil hhi nakamoto", "Nobody"},
		{"all zero", []int64{0, 0, 0}, "gini normal top bottom palma theil hhi nakamoto", "zero"},
		{"as much owed as held", []int64{-5, 5}, "gini top bottom palma theil hhi nakamoto", "zero"},
		{"more owed than held", []int64{-9, 1}, "gini top bottom palma theil hhi nakamoto", "zero"},
		{"one debtor", []int64{-1, 2, 3, 4, 5}, "theil", "debt"},
		{"the poor hold nothing", []int64{0, 0, 0, 0, 7}, "normal palma", ""},
		{"one holder", []int64{7}, "normal", "nobody is in debt"},
		{"extremes", []int64{math.MinInt64, math.MaxInt64, math.MaxInt64}, "palma theil", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDistribution(c.balances)
			for name, m := range map[string]Measure{
				"gini": d.Gini(), "normal": d.GiniNormal(), "top": d.TopShare(1, 100), "bottom": d.BottomShare(50, 100),
				"palma": d.Palma(), "theil": d.Theil(), "hhi": d.HHI(), "nakamoto": d.Nakamoto(),
			} {
				if want := !strings.Contains(c.missing, name); (m.Value != nil) != want {
					t.Errorf("%s = %v, want available %v", name, m.cell(), want)
				}
				if m.Value == nil && (!strings.HasSuffix(m.Why, ".") || !strings.Contains(m.Why, c.because)) {
					t.Errorf("%s says %q, want a reason with %q", name, m.Why, c.because)
				}
				if m.Value != nil && (math.IsNaN(*m.Value) || math.IsInf(*m.Value, 0)) {
					t.Errorf("%s = %v", name, *m.Value)
				}
			}
			if math.IsNaN(d.Mean()) || math.IsNaN(d.Median()) {
				t.Errorf("mean %v, median %v", d.Mean(), d.Median())
			}
		})
	}
}

func TestLorenzDipsBelowZeroWithDebtorsAndEndsAtOne(t *testing.T) {
	points := NewDistribution([]int64{-10, 0, 10, 20, 80}).Lorenz()
	if first, last := points[0], points[len(points)-1]; first != (LorenzPoint{}) || last != (LorenzPoint{1, 1}) {
		t.Errorf("the curve runs from %v to %v", first, last)
	}
	if p := points[20]; p != (LorenzPoint{0.2, -0.1}) {
		t.Errorf("the poorest fifth is %v, want -10 of 100", p)
	}
	if p := points[30]; p != (LorenzPoint{0.3, -0.1}) {
		t.Errorf("the poorest 30 %% are %v, want -10 of 100", p)
	}
	if len(points) != 110 {
		t.Errorf("%d points, want 101 and 9 within the last hundredth", len(points))
	}
}
