package aggregates

import "encoding/json"

// listRoom is how many bytes of JSON the rows of a list may take, so that the value
// stays within the cache's limit of 4 MiB.
const listRoom = 3_500_000

// fitting returns the first of the rows, as many as a value has room for.
func fitting[T any](rows []T) []T {
	room := listRoom
	for i := range rows {
		text, _ := json.Marshal(&rows[i]) // what cannot be written fails as a whole later
		if room -= len(text) + 1; room < 0 {
			return rows[:i]
		}
	}
	return rows
}
