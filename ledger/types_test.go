package ledger_test

import (
	"encoding/json"
	"testing"

	"exchequer/ledger"
)

func TestAKindIsReadOnlyIfThereIsOne(t *testing.T) {
	for _, want := range ledger.Kinds() {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got ledger.Kind
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Errorf("%s was read as %q, %v", text, got, err)
		}
	}
	for _, text := range []string{`"bank"`, `""`, `"/></svg><meta http-equiv=\"refresh\" content=\"0;url=http://127.0.0.1/phish\">"`} {
		var rows []struct{ Kind ledger.Kind }
		if err := json.Unmarshal([]byte(`[{"kind":`+text+`}]`), &rows); err == nil {
			t.Errorf("the kind %s was accepted", text)
		}
	}
}
