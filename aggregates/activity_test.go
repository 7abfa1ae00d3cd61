package aggregates

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestActivityOfAVillage(t *testing.T) {
	db, w := village(t)
	got, err := ComputeActivity(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	want := &Activity{Basis: basisOf(span{Days: 7, Start: at(t, "03-05 00:00"), End: w.Start}), Bucket: "day", Buckets: []ActivityBucket{
		{Start: at(t, "03-05 00:00")},
		{Start: at(t, "03-06 00:00"), Transactions: 1, Volume: sumOf(50), Transfers: sumOf(50)},
		{Start: at(t, "03-07 00:00")},
		{Start: at(t, "03-08 00:00")},
		{Start: at(t, "03-09 00:00"), Transactions: 1, Volume: sumOf(10)},
		{Start: at(t, "03-10 00:00"), Transactions: 1, Volume: sumOf(20)},
		{Start: at(t, "03-11 00:00"), Transactions: 2, Volume: sumOf(130), Transfers: sumOf(130), Partial: true},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
}
