package aggregates

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func notableOf(t *testing.T, v *Notables, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range v.Entries {
		all = append(all, e.Day.Format("01-02 ")+string(e.Rule)+" "+e.ID())
	}
	return strings.Join(all, ", ")
}

func TestTheLargestTransferOfAYearIsNotable(t *testing.T) {
	db, w := village(t) // which begins on 1 February, with 300 for Ann on the 26th
	appendBatch(t, db, ledger.Batch{
		Holders: []ledger.Holder{{Ref: "ann", Name: "Ann Fenwick", Hidden: true}},
		Transactions: []ledger.Transaction{
			pay(t, "03-01 10:00", "ann", "bob", 301), // the ledger is not 30 days old
			pay(t, "03-04 10:00", "bob", "shop", 301),
			pay(t, "03-05 10:00", "bob", "shop", 331), pay(t, "03-05 11:00", "ann", "bob", 332),
			pay(t, "03-06 10:00", "mint", "bob", 5000), // from an issuer
			pay(t, "03-08 10:00", "bob", "ann", 365),   // a tenth more were 365.2
			pay(t, "03-09 10:00", "bob", "ann", 402),
			pay(t, "03-11 10:00", "bob", "ann", 4000), // today
		},
	})
	v, err := ComputeNotables(t.Context(), db, w, NoParams{})
	if got, want := notableOf(t, v, err), "03-09 transfer pay/03-09 10:00bobann, 03-05 transfer pay/03-05 11:00annbob"; got != want {
		t.Errorf("notable is %q, want %q", got, want)
	}
	if e := v.Entries[0]; *e.Record != sumOf(365) || e.Days != 36 || e.Transfer.Payer.ID != "bob" || e.Transfer.Receiver.ID != "" {
		t.Errorf("%+v", e.Transfer)
	}
	if text, _ := json.Marshal([]any{v, v.Table()}); strings.Contains(string(text), "Fenwick") || strings.Contains(string(text), `"id":"ann"`) {
		t.Errorf("Ann is named in %s", text)
	}
	later, err := ComputeNotables(t.Context(), db, cache.WindowAt(at(t, "03-12 01:00"), window), NoParams{})
	if got := notableOf(t, later, err); !strings.HasSuffix(got, notableOf(t, v, nil)) || len(later.Entries) != 3 {
		t.Errorf("later, notable is %q", got)
	}
}

// TestTheHighestPriceIsWhatScanningSays looks for it among the sales themselves.
func TestTheHighestPriceIsWhatScanningSays(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 43))
	now := at(t, "03-11 15:00")
	r := randomRecord(random, now, 80, 500)
	sales := r.randomSales(random, 700)
	for i := range sales {
		sales[i].Item = fmt.Sprintf("i/%02d", i%3)
		if sales[i].Quantity > 0 { // dearer and dearer, step by step
			step := int(sales[i].At.Sub(r.first())/day) / 10
			sales[i].Total = sales[i].Quantity * int64(100+random.IntN(8)+step*20)
		}
	}
	b := r.batch()
	for item := range 3 {
		ref := fmt.Sprintf("i/%02d", item)
		b.Items = append(b.Items, ledger.Item{Ref: ref, Name: itemName(ref)})
	}
	b.Sales = sales
	db, w := testkit.Postgres(t), windowAt(now)
	appendBatch(t, db, b)
	s := r.span(w, 30)
	means := map[string]map[time.Time]float64{} // of the items, by day
	for _, i := range b.Items {
		means[i.Ref] = map[time.Time]float64{}
		of := slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool { return s.Item != i.Ref })
		for day := s.Today; day.After(plus(s.Today, -400)); day = plus(day, -1) {
			if sum, _ := traded(within(of, day, plus(day, 1))); sum.Sales > 0 {
				means[i.Ref][day] = sum.Volume.Float64() / sum.Quantity.Float64()
			}
		}
	}
	var want []string
	for ago := 1; ago <= 30; ago++ {
		var ofDay []string
		for _, i := range b.Items {
			of := slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool { return s.Item != i.Ref })
			above := func(day time.Time) (above, known bool) {
				highest := 0.0
				for n := 1; n <= 365; n++ {
					if mean, sold := means[i.Ref][plus(day, -n)]; sold {
						highest, known = max(highest, mean), known || n >= 30
					}
				}
				p := scannedPrice(s.atEnd(day), of)
				return p.Confidence == Firm && *p.Value > highest, known
			}
			day := plus(s.Today, -ago)
			now, known := above(day)
			if before, _ := above(plus(day, -1)); now && known && !before {
				ofDay = append(ofDay, day.Format("01-02 ")+"price "+i.Ref)
			}
		}
		want = append(want, ofDay...)
	}
	v, err := ComputeNotables(t.Context(), db, w, NoParams{})
	v.Entries = slices.DeleteFunc(v.Entries, func(e Notable) bool { return e.Rule != NotablePrice })
	got := strings.Split(notableOf(t, v, err), ", ")
	slices.Sort(got)
	slices.Sort(want)
	if strings.Join(got, ", ") != strings.Join(want, ", ") || len(want) < 2 {
		t.Errorf("notable is %q, want %q", got, want)
	}
}

func TestASignThatFlapsIsToldOnceAWeek(t *testing.T) {
	start := at(t, "01-01 00:00") // a Thursday
	s := Sign{Name: "money", By: JudgedValue, Watch: between(-1, 1), Bad: between(-2, 2)}
	var c signCourse
	for n := range 60 {
		v := 0.0
		switch {
		case n < 10: // no numbers yet
			c.past = append(c.past, nil)
			continue
		case n >= 24 && n < 31 && n%2 == 0, n >= 31 && n < 40: // it flaps for a week, then it is to be watched
			v = 1.5
		}
		c.past = append(c.past, &v)
	}
	var got []string
	for _, c := range s.changes(span{Start: start, Today: plus(start, 60), First: start}, 0, c) {
		got = append(got, fmt.Sprint(c.Day.Format("01-02 "), c.From, " ", c.To))
	}
	if want := "[01-25 good watch 02-15 watch good]"; fmt.Sprint(got) != want {
		t.Errorf("told is %v, want %s", got, want)
	}
}

// What a sign was 30 days ago stands at its place in the course, so that the states of
// past days are those of their days.
func TestACourseIsByDay(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 47))
	now := at(t, "03-11 15:00")
	r := randomRecord(random, now, 130, 300)
	db := testkit.Postgres(t)
	appendBatch(t, db, r.batch())
	if _, err := UpdateSnapshots(t.Context(), db, now, DefaultExact); err != nil {
		t.Fatal(err)
	}
	var b Basis
	err := b.read(t.Context(), db, windowAt(now), rangeDays, func(ctx context.Context, tx pgx.Tx, s span) error {
		r, err := readSigns(ctx, db, tx, s)
		if err != nil {
			return err
		}
		for _, k := range signKinds() {
			c := k.read(r)
			if len(c.past) == 0 || k.name == "speed" { // which is compared up to the same time of day
				continue
			}
			if len(c.past) != rangeDays-1 {
				t.Errorf("%s has a course of %d days", k.name, len(c.past))
			}
			if then := c.past[len(c.past)-signDays]; (c.before == nil) != (then == nil) || then != nil && *then != *c.before {
				t.Errorf("%s was %v 30 days ago, and is %v there in its course", k.name, c.before, then)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A day of which less is told than there is would say that there was a large transfer.
func TestATransferThatIsNotShownLeavesNoGap(t *testing.T) {
	midnight := at(t, "03-04 00:00")
	v := &Notables{Basis: Basis{Period: Period{Start: plus(midnight, -20), Timezone: "UTC"}}}
	v.Entries = []Notable{{Rule: NotableTransfer, Day: midnight, Transfer: &LargeMove{Origin: "o", Ref: "t"}}}
	for n := range 5 {
		v.Entries = append(v.Entries, Notable{Rule: NotablePrice, Day: midnight, Item: &NotableItem{ID: fmt.Sprint("i", n), Price: float64(100 + n), Highest: 100}})
	}
	v.sort(beside)
	for want, of := range map[string]*Notables{
		"03-04 transfer o/t, 03-04 price i4, 03-04 price i3": v, "03-04 price i4, 03-04 price i3, 03-04 price i2": v.WithoutTransfers(),
	} {
		if got := notableOf(t, JoinNotables(of, &Soundness{}, &Events{}), nil); got != want {
			t.Errorf("told is %q, want %q", got, want)
		}
	}
}

func TestAtMostThreeThingsOfADayAreTold(t *testing.T) {
	midnight := at(t, "03-04 00:00")
	v := &Notables{Basis: Basis{Period: Period{Start: plus(midnight, -20), Timezone: "UTC"}}}
	for n := range 5 {
		v.Entries = append(v.Entries, Notable{Rule: NotablePrice, Day: midnight, At: plus(midnight, 1), Item: &NotableItem{ID: fmt.Sprint("i", n), Price: float64(100 + n), Highest: 100}})
	}
	sound := &Soundness{Changes: []SignChange{{Name: "top", Day: midnight}, {Name: "old", Day: plus(midnight, -40)}}}
	events := &Events{Events: []Event{
		{Ref: "opening", At: midnight.Add(20 * hour), Scope: ledger.ScopeAll}, {Ref: "ore", At: midnight, Scope: "item:ore"}, {Ref: "long ago", At: plus(midnight, -30), Scope: ledger.ScopeAll},
	}}
	if got, want := notableOf(t, JoinNotables(v, sound, events), nil), "03-04 event opening, 03-04 sign top, 03-04 price i4"; got != want {
		t.Errorf("told is %q, want %q", got, want)
	}
}
