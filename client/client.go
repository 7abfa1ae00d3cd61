// Package client sends transactions, accounts, sales, offers, events and balances to an
// Exchequer. Each call is one batch, of 10,000 records at most, that is written whole or
// not at all. It is sent again while the server is busy or cannot be reached; since
// records are known by their refs, that writes none of them twice.
package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Client sends with one key. It may be used by many goroutines.
type Client struct {
	url, key string
	http     *http.Client
}

// How often a batch is sent, and how long a Client waits in between.
const (
	attempts    = 10
	firstPause  = 500 * time.Millisecond
	longestWait = 2 * time.Minute
	answerLimit = 4 << 20
)

// New returns a client of the site at an address such as https://economy.example.org,
// with a key that `exchequer keys create` has printed.
func New(url, key string) *Client {
	// The key is not sent to where a redirect leads.
	follow := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{strings.TrimSuffix(url, "/"), key, &http.Client{Timeout: time.Minute, CheckRedirect: follow}}
}

// An Error is an answer of the server that is none of success.
type Error struct {
	Status   int       `json:"status"`
	Title    string    `json:"title"`
	Detail   string    `json:"detail"`
	Problems []Problem `json:"errors"` // with the records, if Status is 422; the first ones
	More     int       `json:"more"`   // how many are not listed
}

// Error returns the reason and the first problem.
func (e *Error) Error() string {
	text := fmt.Sprintf("exchequer: %d %s: %s", e.Status, e.Title, e.Detail)
	if len(e.Problems) > 0 {
		text += fmt.Sprintf(": %s %s", e.Problems[0].Location, e.Problems[0].Message)
	}
	return text
}

// Accounts writes accounts.
func (c *Client) Accounts(ctx context.Context, accounts []Account) (Written, error) {
	return c.send(ctx, "accounts", lists{Accounts: accounts})
}

// Transactions writes transactions between accounts that are known.
func (c *Client) Transactions(ctx context.Context, transactions []Transaction) (Written, error) {
	return c.send(ctx, "transactions", lists{Transactions: transactions})
}

// Sales writes sales of items that are known or among items, which may be nil.
func (c *Client) Sales(ctx context.Context, items []Item, sales []Sale) (Written, error) {
	return c.send(ctx, "sales", lists{Items: items, Sales: sales})
}

// Offers writes offers of items and in shops that are known or given.
func (c *Client) Offers(ctx context.Context, items []Item, shops []Shop, offers []Offer) (Written, error) {
	return c.send(ctx, "offers", lists{Items: items, Shops: shops, Offers: offers})
}

// Events writes events.
func (c *Client) Events(ctx context.Context, events []Event) (Written, error) {
	return c.send(ctx, "events", lists{Events: events})
}

// Balances writes what balances were at a time; origin is that of the transactions that
// follow from them.
func (c *Client) Balances(ctx context.Context, origin string, at time.Time, balances []Balance) (Written, error) {
	return c.send(ctx, "balances", lists{Origin: origin, At: at, Balances: balances})
}

// lists is a body.
type lists struct {
	Accounts     []Account     `json:"accounts,omitempty"`
	Transactions []Transaction `json:"transactions,omitempty"`
	Items        []Item        `json:"items,omitempty"`
	Shops        []Shop        `json:"shops,omitempty"`
	Sales        []Sale        `json:"sales,omitempty"`
	Offers       []Offer       `json:"offers,omitempty"`
	Events       []Event       `json:"events,omitempty"`
	Origin       string        `json:"origin,omitempty"`
	At           time.Time     `json:"at,omitzero"`
	Balances     []Balance     `json:"balances,omitempty"`
}

// send sends a body until it is answered, the attempts are used up or ctx ends.
func (c *Client) send(ctx context.Context, kind string, body lists) (Written, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if err := errors.Join(json.NewEncoder(zip).Encode(body), zip.Close()); err != nil {
		return Written{}, fmt.Errorf("exchequer: encode %s: %w", kind, err)
	}
	for attempt := 1; ; attempt++ {
		written, wait, err := c.try(ctx, kind, packed.Bytes())
		if wait < 0 || attempt == attempts {
			return written, err
		}
		if wait == 0 {
			wait = firstPause << (attempt - 1)
		}
		wait += rand.N(wait/4 + 1) // others were told the same
		select {
		case <-ctx.Done():
			return Written{}, errors.Join(err, ctx.Err())
		case <-time.After(min(wait, longestWait)):
		}
	}
}

// try sends a body once. It returns how long to wait before the next time, 0 if the
// server did not say, and less if there is no use in another time.
func (c *Client) try(ctx context.Context, kind string, body []byte) (w Written, wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/api/v1/"+kind, bytes.NewReader(body))
	if err != nil {
		return w, -1, fmt.Errorf("exchequer: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Content-Encoding", "gzip")
	response, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			wait = -1
		}
		return w, wait, fmt.Errorf("exchequer: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return w, 0, fmt.Errorf("exchequer: read the answer: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, &w); err != nil {
			return w, -1, fmt.Errorf("exchequer: read the answer: %w", err)
		}
		return w, -1, nil
	}
	failure := &Error{}
	if json.Unmarshal(text, failure) != nil || failure.Detail == "" {
		failure.Detail = "the server did not say why"
	}
	failure.Status, failure.Title = response.StatusCode, http.StatusText(response.StatusCode)
	switch response.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return w, time.Duration(max(0, seconds)) * time.Second, failure
	}
	return w, -1, failure
}
