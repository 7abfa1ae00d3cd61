package vitals

import "math"

// Times are counted in buckets whose bounds are powers of the square root of 2, from
// 10 ms to 20 s, and shifts of the layout in the same ones from 0.005 to 10. Within a
// bucket a percentile is interpolated, so it is a few per cent off; where all values are
// the same, a third at most.
const (
	buckets   = 24
	leastTime = 0.010 // seconds
	leastCLS  = 0.005
	perDouble = 2 // buckets
)

// counts are numbers of values by bucket. Nil is none.
type counts []int32

// bucketOf returns the bucket of a value on a scale that begins with least.
func bucketOf(value, least float64) int {
	if !(value > least) {
		return 0
	}
	return min(buckets-1, int(math.Ceil(perDouble*math.Log2(value/least))))
}

// boundOf returns the upper bound of a bucket.
func boundOf(bucket int, least float64) float64 {
	return least * math.Exp2(float64(bucket)/perDouble)
}

func (c *counts) add(value, least float64) {
	if *c == nil {
		*c = make(counts, buckets)
	}
	(*c)[bucketOf(value, least)]++
}

// plus adds other counts.
func (c *counts) plus(other counts) {
	if len(other) == 0 {
		return
	}
	if *c == nil {
		*c = make(counts, buckets)
	}
	for i, n := range other[:min(len(other), buckets)] {
		(*c)[i] += n
	}
}

func (c counts) sum() (n int64) {
	for _, of := range c {
		n += int64(of)
	}
	return n
}

// p75 returns the 75th percentile, nil without values.
func (c counts) p75(least float64) *float64 {
	left := 0.75 * float64(c.sum())
	if left == 0 {
		return nil
	}
	for i, n := range c {
		if left > float64(n) {
			left -= float64(n)
			continue
		}
		low := boundOf(i-1, least)
		if i == 0 {
			low = 0
		}
		value := low + (boundOf(i, least)-low)*left/float64(n)
		return &value
	}
	return nil
}
