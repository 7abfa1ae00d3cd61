package card

import (
	"bytes"
	"image/color"
	"image/png"
	"math"
	"os"
	"strings"
	"testing"
)

func TestACardHasItsSizeWhateverItSays(t *testing.T) {
	for name, c := range map[string]Card{
		"nothing": {},
		"usual": {"Port Exchequer", "Economy", []Word{{"Money grew by ", false}, {"1.6 %", true}, {" in 30 days and changed hands ", false}, {"0.77 times", true}, {". The richest tenth holds ", false}, {"61.2 %", true}, {" of it.", false}},
			"As of Saturday 21 November 2026, 12:00 UTC", []float64{1, 2, 1.5, 3, 4, 3.5, 5}, "Supply at close"},
		"hostile": {strings.Repeat("\u202e\u0627\u0644 钻石 <b>", 5000), "钻石 👑 אבג \x00\n" + strings.Repeat("W", 3000), []Word{{strings.Repeat("W", 5000), true}, {strings.Repeat("a ", 5000), false}},
			strings.Repeat("9", 500), []float64{math.NaN(), math.Inf(1), -math.MaxFloat64, math.MaxFloat64, 0}, strings.Repeat("é\u0301", 300)},
		"flat": {"E", "T", nil, "", []float64{2, 2, 2}, "s"},
		"long": {"E", "T", nil, "", make([]float64, 200_000), "s"},
	} {
		b, err := c.PNG()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if folder := os.Getenv("CARDS"); folder != "" {
			if err := os.WriteFile(folder+"/"+name+".png", b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		picture, err := png.Decode(bytes.NewReader(b))
		if err != nil || picture.Bounds().Dx() != Width || picture.Bounds().Dy() != Height || len(b) > 200<<10 {
			t.Fatalf("%s: %d bytes, %v", name, len(b), err)
		}
		for y := 20; y < Height; y += 3 { // nothing is written into the margin at the right
			if got := color.RGBAModel.Convert(picture.At(Width-margin/2, y)); got != paper {
				t.Errorf("%s: the margin is %v at %d", name, got, y)
				break
			}
		}
	}
}

func BenchmarkPNG(b *testing.B) {
	c := Card{"Port Exchequer", "Economy", []Word{{"Money grew by 1.6 % in 30 days", false}}, "As of now", make([]float64, 30), "Supply"}
	for b.Loop() {
		if _, err := c.PNG(); err != nil {
			b.Fatal(err)
		}
	}
}
