package cache

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"
)

type day struct {
	Day      time.Time
	In, Out  int64
	Postings int
}

type sheet struct {
	Name string
	Days []day
	By   map[string]int64
	Next *sheet
	Rows [][]string
}

func someSheet(days int) *sheet {
	s := &sheet{Name: "sheet of some name", By: map[string]int64{}, Next: &sheet{Name: "next"}}
	for i := range days {
		s.Days = append(s.Days, day{Day: time.Unix(int64(i)*86400, 0).UTC(), In: int64(i)})
	}
	for i := range 100 {
		s.By[fmt.Sprint("source ", i)] = int64(i)
		s.Rows = append(s.Rows, []string{fmt.Sprint("row ", i), "text"})
	}
	return s
}

// The weight bounds memory, so it must be about what the heap grows by.
func TestAValueWeighsAboutWhatItTakes(t *testing.T) {
	for days, values := range map[int]int64{0: 200, 30: 200, 3650: 10} {
		data, err := json.Marshal(someSheet(days))
		if err != nil {
			t.Fatal(err)
		}
		heap := func() int64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before := heap()
		kept := make([]*sheet, values)
		for i := range kept {
			if err := json.Unmarshal(data, &kept[i]); err != nil {
				t.Fatal(err)
			}
		}
		grown := (heap() - before) / values
		weight := int64(memoryOf(reflect.ValueOf(kept[0])))
		if weight < grown*7/10 || weight > grown*13/10 {
			t.Errorf("%d days: %d bytes on the heap (%d of JSON) weigh %d", days, grown, len(data), weight)
		}
		runtime.KeepAlive(kept)
	}
}
