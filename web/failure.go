package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

// A handler answers a request, or returns an error before it has written
// anything.
type handler func(w http.ResponseWriter, r *http.Request) error

var (
	errNotFound = errors.New("not found")
	errForeign  = errors.New("cross-origin request")
	errMethod   = errors.New("method not allowed")
	errPanic    = errors.New("panic")
	errUnmade   = errors.New("the file could not be made")
	errUndrawn  = errors.New("the numbers cannot be shown")
)

// A refusal is an error that the reader can do something about.
type refusal struct {
	status int
	text   string // for the reader
}

func (r *refusal) Error() string { return r.text }

// refusals are all of them: their pages are drawn ahead.
var refusals = []*refusal{errListLines, errListForm, errListAddress, errTooMany, errSeries, errTooManyWatched, errWatchAddress, errOEmbedFormat, errOEmbedURL, errOEmbedSize, errOwnFiles, errOwnWaits, errLedgerAway, errOwnOpening, errLedgersFull, errTooManyClaims, errArchived, errBeacon, errManyBeacons}

// unknowns are all things that a visitor may ask for and the ledger may not know. Their
// pages are drawn ahead too.
var unknowns = []unknownError{unknownAccount, unknownHolder, unknownItem, unknownShop, unknownSource, unknownTransaction, unknownWorld, unknownReport}

// What visitors read instead of the text of the status.
const (
	textSeveral = "Several accounts have or had this name." // one name stands for them
	textCursor  = "There is no such row after which the list could go on. Begin with its first rows."
)

// A choosing error offers things that a visitor may have meant.
type choosing interface {
	error
	text() string // what visitors read
	choices() []views.Choice
}

// An unreadableError means that an address has a value that cannot be read. It offers the
// page without it.
type unreadableError struct{ about, page string }

func (e *unreadableError) Error() string { return e.about }
func (e *unreadableError) text() string  { return e.about }
func (e *unreadableError) choices() []views.Choice {
	return []views.Choice{{Name: "The page without it", Note: "with what is usual in its place", Path: e.page}}
}

// messages are what visitors read of a failure, by status.
var messages = map[int]string{
	http.StatusBadRequest:       "This request could not be understood.",
	http.StatusForbidden:        "This request came from another site.",
	http.StatusNotFound:         "There is nothing at this address.",
	http.StatusMethodNotAllowed: "This address does not answer to that kind of request.",

	http.StatusRequestTimeout:        "The form did not arrive in time. Send it again.",
	http.StatusRequestEntityTooLarge: "This form is larger than any that is asked for here.",
	http.StatusUnsupportedMediaType:  "This address reads forms only: application/x-www-form-urlencoded.",

	http.StatusInternalServerError: "Something went wrong on our side. It has been logged.",
	http.StatusServiceUnavailable:  "These numbers are not there yet. Try again in a moment.",
}

// status returns the HTTP status of a failure.
func status(err error) int {
	var unavailable *cache.UnavailableError
	var tooLarge *http.MaxBytesError
	var refused *refusal
	var several *meantError
	var unreadable *unreadableError
	switch {
	case errors.As(err, &unreadable):
		return http.StatusBadRequest
	case errors.As(err, &several) && len(several.found) > 0:
		return http.StatusMultipleChoices
	case errors.As(err, &refused):
		return refused.status
	case errors.Is(err, errNotFound), errors.Is(err, aggregates.ErrUnknownCursor):
		return http.StatusNotFound
	case errors.Is(err, errForeign):
		return http.StatusForbidden
	case errors.Is(err, errMethod):
		return http.StatusMethodNotAllowed
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errMedia):
		return http.StatusUnsupportedMediaType
	case errors.Is(err, errForm) && errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	case errors.Is(err, errForm):
		return http.StatusBadRequest
	case errors.As(err, &unavailable), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, errBusy), errors.Is(err, errUnmade), errors.Is(err, errUndrawn), errors.Is(err, errUncertain):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// message returns what the reader reads of a failure.
func message(code int, err error) string {
	if errors.Is(err, errUndrawn) {
		return textFailed
	}
	if errors.Is(err, aggregates.ErrUnknownCursor) {
		return textCursor
	}
	if several := choosing(nil); errors.As(err, &several) {
		return several.text()
	}
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		return refused.text
	}
	if unknown := unknownError(""); errors.As(err, &unknown) {
		return sentence(unknown.Error())
	}
	return messages[code]
}

// statusLeft is the status in the log and the metrics if the reader has left
// before the answer.
const statusLeft = 499

// fail answers a failed request. It alone decides what the reader learns, and in
// which format.
func (s *server) fail(w *responseWriter, r *http.Request, err error) {
	// A reading of the body that takes too long ends the context too.
	if slow := errors.Is(err, errSlowBody) || errors.Is(err, errForm) && errors.Is(err, os.ErrDeadlineExceeded); !slow && r.Context().Err() != nil && !errors.Is(r.Context().Err(), context.DeadlineExceeded) {
		w.status = statusLeft
		panic(http.ErrAbortHandler)
	}
	if to := (*movedError)(nil); errors.As(err, &to) {
		s.redirect(w, r, to)
		return
	}
	code, text := status(err), message(status(err), err)
	if code >= http.StatusInternalServerError {
		w.err = err
	}
	h := w.Header()
	s.challenge(h, r, err)
	for _, name := range []string{"Etag", "Content-Encoding", "Content-Length", "Content-Disposition", "Vary"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept")
	if (code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests) && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "5")
	}
	var body []byte
	switch format(r) {
	case "html":
		h.Set("Content-Type", "text/html; charset=utf-8")
		body = s.errorPage(r.Context(), code, text, err)
	case "problem":
		h.Set("Content-Type", "application/problem+json")
		body, _ = json.Marshal(huma.ErrorModel{Title: http.StatusText(code), Status: code, Detail: detail(code, err)})
		body = append(body, '\n')
	case "json":
		h.Set("Content-Type", "application/json")
		body, _ = json.Marshal(struct { // strings and a number always encode
			Status  int    `json:"status"`
			Error   string `json:"error"`
			Request string `json:"request"`
		}{code, text, w.id})
		body = append(body, '\n')
	default:
		h.Set("Content-Type", "text/plain; charset=utf-8")
		body = []byte(text + "\n")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// format returns the format of an error for the reader: by the address, else by
// the Accept header.
func format(r *http.Request) string {
	accept := r.Header.Get("Accept")
	switch {
	case isAPI(r):
		return "problem"
	case strings.HasSuffix(r.URL.Path, ".json"), r.URL.Path == oembedPath:
		return "json"
	case strings.HasSuffix(r.URL.Path, ".csv"), strings.HasPrefix(r.URL.Path, views.EmbedPath):
		return "plain"
	case strings.Contains(accept, "text/html"):
		return "html"
	case strings.Contains(accept, "json"):
		return "json"
	default:
		return "plain"
	}
}

// detail returns what a program reads of a failure.
func detail(code int, err error) string {
	var unavailable *cache.UnavailableError
	if errors.As(err, &unavailable) && unavailable.Reason != "" {
		return sentence(unavailable.Reason)
	}
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		return refused.text
	}
	if unknown := unknownError(""); errors.As(err, &unknown) {
		return sentence(unknown.Error())
	}
	return messages[code]
}

// errorPage returns the page of a failure, with the menu of the ledger as far as it
// is known at once.
func (s *server) errorPage(ctx context.Context, code int, text string, err error) []byte {
	e := s.knownEdition(s.sees(ctx))
	several := choosing(nil)
	if errors.As(err, &several) || reader(ctx).SignedIn() || apart(ctx) {
		var choices []views.Choice
		if several != nil {
			choices = several.choices()
		}
		page, err := drawErrorPage(context.WithoutCancel(ctx), s.siteFor(ctx), e, code, text, choices...)
		if err == nil {
			return page
		}
		s.Log.ErrorContext(ctx, "error page cannot be drawn", "error", err)
		if several != nil {
			text = messages[code]
		}
	}
	return e.failed[text]
}

// drawErrorPages draws the error pages. They are drawn ahead, since nothing else may
// work when they are needed.
func (e *edition) drawErrorPages(site views.Site) error {
	said := append([]*refusal{{http.StatusServiceUnavailable, textFailed}, {http.StatusNotFound, textCursor}}, slices.Concat(refusals, restrictions, signInRefusals)...)
	for code, message := range messages {
		said = append(said, &refusal{code, message})
	}
	for _, unknown := range unknowns {
		said = append(said, &refusal{http.StatusNotFound, sentence(unknown.Error())})
	}
	e.failed = make(map[string][]byte, len(said))
	for _, refused := range said {
		page, err := drawErrorPage(context.Background(), site, e, refused.status, refused.text)
		if err != nil {
			return err
		}
		e.failed[refused.text] = page
	}
	return nil
}

func drawErrorPage(ctx context.Context, site views.Site, e *edition, code int, message string, choices ...views.Choice) ([]byte, error) {
	site.Menu = e.menu
	if before, found := strings.CutSuffix(message, howToSignIn); found && site.SignIn {
		message = before + howToSignInHere
	}
	var page bytes.Buffer
	if err := views.ErrorPage(site, code, message, choices...).Render(ctx, &page); err != nil {
		return nil, fmt.Errorf("%d: %w", code, err)
	}
	return bytes.Clone(page.Bytes()), nil // without what the buffer has to spare
}

// drain reads a little of a body that was refused, which the client may still be
// sending.
func drain(body io.Reader) { _, _ = io.CopyN(io.Discard, body, 4<<10) }
