package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"exchequer/client"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"records":1,"written":1,"known":0}`)
	}))
	defer server.Close()

	exchequer := client.New(server.URL, "exq_…") // from the environment
	written, err := exchequer.Transactions(context.Background(), []client.Transaction{{
		Origin: "game", Ref: "payment-4711", At: time.Now(), Source: "payment",
		Postings: []client.Posting{{Account: "ann", Amount: -250}, {Account: "bob", Amount: 250}},
	}})
	if err != nil {
		fmt.Println(err) // a *client.Error has all that is wrong
		return
	}
	fmt.Println(written.Written, "written,", written.Known, "known before")
	// Output: 1 written, 0 known before
}
