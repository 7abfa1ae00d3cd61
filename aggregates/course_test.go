package aggregates

import (
	"context"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"exchequer/cache"
)

// Producers that share read what was sold of all items once, of one period and choice,
// and get what they would have read themselves.
func TestSharedCoursesAreThoseOfTheLedger(t *testing.T) {
	db, w, _, _ := townMarket(t)
	produce := sharing(&courseShare{}, func(ctx context.Context, w cache.Window, days Days) (bool, error) {
		var b Basis
		err := b.read(ctx, db, w, days, func(ctx context.Context, tx pgx.Tx, s span) error {
			for _, with := range []bool{false, true} {
				first, err := readAllCourses(ctx, tx, s, with)
				if err != nil {
					return err
				}
				again, err := readAllCourses(ctx, tx, s, with)
				if err != nil {
					return err
				}
				if reflect.ValueOf(first).UnsafePointer() != reflect.ValueOf(again).UnsafePointer() {
					t.Errorf("%s days, with offsetting trade: %t: the courses were read again", days.Key(), with)
				}
				alone, err := readCourses(ctx, tx, s, monthDays, nil, with)
				if err != nil {
					return err
				}
				if diff := cmp.Diff(alone, again, cmp.AllowUnexported(course{}, soldItem{}, bucketSales{})); diff != "" {
					t.Errorf("%s days, with offsetting trade: %t (-alone +shared):\n%s", days.Key(), with, diff)
				}
			}
			return nil
		})
		return true, err
	})
	for _, days := range []Days{7, 30, 0} {
		if _, err := produce(t.Context(), w, days); err != nil {
			t.Fatal(err)
		}
	}
}
