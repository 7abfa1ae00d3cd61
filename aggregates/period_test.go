package aggregates

import "testing"

func TestAnyPeriodIsSentToTheNearestThatExists(t *testing.T) {
	for given, want := range map[string]Days{
		"7": 7, "30": 30, "90": 90, "365": 365, "all": 0,
		"": 30, "abc": 30, "29": 30, "8": 7, "0": 7, "-5": 7, "61": 90, "1000000": 365, "NaN": 30,
		"-9223372036854775808": 7, "9223372036854775807": 365, "99999999999999999999999": 365, "-99999999999999999999999": 7,
	} {
		if got := ParseDays(given); got != want {
			t.Errorf("ParseDays(%q) = %d, want %d", given, got, want)
		}
	}
}
