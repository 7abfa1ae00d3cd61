package town

import (
	"math"
	"math/rand/v2"
	"time"
)

const day = 24 * time.Hour

// hourShare is how a day's business is spread over its hours, UTC: players
// live on both sides of an ocean, most of them in the evening.
var hourShare = [24]float64{
	.75, .58, .46, .36, .30, .28, .32, .42, .58, .74, .88, .98,
	1.05, 1.08, 1.12, 1.20, 1.34, 1.52, 1.72, 1.86, 1.90, 1.72, 1.36, 1.00,
}

// weekdayShare is how many of the players come on a day, Sunday first.
var weekdayShare = [7]float64{1.22, .90, .88, .90, .94, 1.06, 1.28}

// inHour is the part of a daily number that falls into an hour.
func inHour(hour time.Time) float64 {
	sum := 0.0
	for _, share := range hourShare {
		sum += share
	}
	return hourShare[hour.Hour()] / sum
}

// weekSlot numbers the hours of the week: what is paid weekly has one.
func weekSlot(hour time.Time) int { return int(hour.Weekday())*24 + hour.Hour() }

// workSlot draws an hour from Monday to Friday, 14 to 19.
func workSlot(rng *rand.Rand) int { return (1+rng.IntN(5))*24 + 14 + rng.IntN(6) }

// wakingSlot draws an hour of the week when people are about.
func wakingSlot(rng *rand.Rand) int { return rng.IntN(7)*24 + 8 + rng.IntN(15) }

// dayNumber counts days since the epoch.
func dayNumber(t time.Time) int { return int(t.Unix() / 86400) }

// plenty is what a season does to the supply of a good, around 1.
func (s season) plenty(at time.Time) float64 {
	const year, swing = 56, .35
	phase := math.Sin(2 * math.Pi * float64(at.Unix()) / (year * 86400))
	switch s {
	case summer:
		return 1 + swing*phase
	case winter:
		return 1 - swing*phase
	}
	return 1
}

// poisson draws how often something happens that is expected mean times.
func poisson(rng *rand.Rand, mean float64) int {
	if mean <= 0 {
		return 0
	}
	if mean > 30 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*rng.NormFloat64())))
	}
	n, p, limit := 0, rng.Float64(), math.Exp(-mean)
	for p > limit {
		p *= rng.Float64()
		n++
	}
	return n
}

// lognormal draws a factor around 1.
func lognormal(rng *rand.Rand, sigma float64) float64 { return math.Exp(sigma * rng.NormFloat64()) }
