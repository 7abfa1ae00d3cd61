package web

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/klauspost/compress/zstd"

	sent "exchequer/client"
	"exchequer/keys"
	"exchequer/ledger/ingest"
)

// A body is read only when it has a place, so that whatever is sent, no more than these
// are in memory. Small bodies have places of their own: what many programs send at once,
// a payment each, is written together (see [ledger.Gatherer]).
const (
	ingestPlaces      = 4
	ownPlaces         = 2  // of these, of one key, so that its slow bodies leave places to others
	ingestQueue       = 32 // requests of a client that wait for a place
	smallIngest       = 16 << 10
	smallIngestPlaces = 256
	ownSmallPlaces    = 128
	smallIngestQueue  = 256

	ingestWait  = 2 * time.Second // for a place
	ingestRead  = 10 * time.Second
	ingestWrite = 15 * time.Second
	zstdWindow  = 8 << 20
)

var (
	errIngestBusy = &refusal{http.StatusTooManyRequests, "This server is writing as much as it can. Send the same again when Retry-After says."}
	errIngestRate = &refusal{http.StatusTooManyRequests, "This key has made more requests a minute than it may. Send the same again when Retry-After says, and more records at a time."}
	errIngestOff  = &refusal{http.StatusServiceUnavailable, "This server takes no records."}
	errIngestRole = &refusal{http.StatusServiceUnavailable, "This server may not write to its ledger. Its operator finds in docs/operations.md what it needs."}
	errIngestDown = &refusal{http.StatusServiceUnavailable, "The ledger could not be written, or it is not known whether it was. Send the same again: what was written is not written twice."}
	errSlowBody   = &refusal{http.StatusRequestTimeout, fmt.Sprintf("The body did not arrive within %s. Send it again, compressed or in parts.", ingestRead)}
	errBodyType   = &refusal{http.StatusUnsupportedMediaType, "Send application/json, or application/x-ndjson with a record on each line."}
	errBodyCoding = &refusal{http.StatusUnsupportedMediaType, "The body may be plain, or one of gzip and zstd, as Content-Encoding says."}
	errNoKey      = &refusal{http.StatusUnauthorized, "Send a key: Authorization: Bearer exq_…"}
)

// keyScheme is the name of the security scheme of keys in the description.
const keyScheme = "key"

// largeBody is the metadata of an operation whose body has another limit.
const largeBody = "body"

// ingestTexts say what the operations do.
var ingestTexts = map[string]struct {
	summary, text string
	record        any
}{
	"accounts":     {"Write accounts", "An account that is known keeps its kind, holder and issuer; its name and the time of archiving may change.", sent.Account{}},
	"transactions": {"Write transactions", "The accounts must be known. A transaction whose origin and ref are known is skipped.", sent.Transaction{}},
	"sales":        {"Write sales", "A body that is an object may have \"items\" beside \"sales\". A sale whose origin and ref are known is skipped.", sent.Sale{}},
	"offers":       {"Write what shops offer", "A body that is an object may have \"items\" and \"shops\" beside \"offers\".", sent.Offer{}},
	"events":       {"Write events", "An event replaces the one of the same ref; one without a title removes it.", sent.Event{}},
	"balances":     {"Write what balances were", "The difference from the ledger is posted against the issuer sys:unobserved, by the source observed-change. A body that is an object may say \"origin\" and \"at\" once.", sent.Balance{}},
}

// An IngestProblem is the answer to a body that is wrong: a problem document of RFC 9457
// with all that is wrong.
type IngestProblem struct {
	Title  string           `json:"title"`
	Status int              `json:"status"`
	Detail string           `json:"detail"`
	Errors []ingest.Problem `json:"errors" nullable:"false" doc:"The first 1,000 things that are wrong."`
	More   int              `json:"more" doc:"How many others there are."`
}

// ingestAPI registers the operations that write.
func (s *server) ingestAPI(api huma.API) {
	description := api.OpenAPI()
	description.Components.SecuritySchemes[keyScheme] = &huma.SecurityScheme{
		Type: "http", Scheme: "bearer", Description: "A key that `exchequer keys create` has made, with the scope that the operation names.",
	}
	schemas := description.Components.Schemas
	of := func(v any) *huma.Schema { return schemas.Schema(reflect.TypeOf(v), true, "") }
	for _, kind := range ingest.Kinds() {
		texts := ingestTexts[kind]
		body := map[string]*huma.MediaType{
			"application/json":     {Schema: &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeArray, Items: of(texts.record)}, s.listsSchema(kind, of)}}},
			"application/x-ndjson": {Schema: of(texts.record)},
		}
		op := huma.Operation{
			Method: http.MethodPost, Path: "/" + kind, OperationID: "write-" + kind, Summary: texts.summary, Tags: []string{"write"},
			Description: texts.text + fmt.Sprintf(" At most %d records, compressed with gzip or zstd if Content-Encoding says so. They are written all or none.", ingest.MostRecords),
			Security:    []map[string][]string{{keyScheme: {kind}}},
			Metadata:    map[string]any{largeBody: int64(ingest.MostBytes)},
			Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout,
				http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests, http.StatusServiceUnavailable},
			Responses: map[string]*huma.Response{
				"200": {Description: "Everything is written.", Content: map[string]*huma.MediaType{"application/json": {Schema: of(ingest.Written{})}}},
			},
		}
		huma.Register(api, op, func(context.Context, *struct{}) (*huma.StreamResponse, error) {
			return &huma.StreamResponse{Body: func(c huma.Context) {
				r, w := humachi.Unwrap(c)
				if err := s.ingest(w, r, kind); err != nil {
					s.fail(unwrap(w), r, err)
				}
			}}, nil
		})
		// The framework would read and check a body that it knew of, before there is a place.
		written := description.Paths["/"+kind].Post
		written.RequestBody = &huma.RequestBody{Required: true, Content: body}
		refused := &huma.Response{Description: "Nothing is written.", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: of(IngestProblem{})}}}
		written.Responses["422"] = refused
	}
}

// listsSchema describes the object that a body may be.
func (s *server) listsSchema(kind string, of func(any) *huma.Schema) *huma.Schema {
	list := func(record any) *huma.Schema { return &huma.Schema{Type: huma.TypeArray, Items: of(record)} }
	schema := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{kind: list(ingestTexts[kind].record)}, AdditionalProperties: false}
	switch kind {
	case "offers":
		schema.Properties["shops"] = list(sent.Shop{})
		fallthrough
	case "sales":
		schema.Properties["items"] = list(sent.Item{})
	case "balances":
		schema.Properties["origin"] = &huma.Schema{Type: huma.TypeString}
		schema.Properties["at"] = &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	}
	return schema
}

// ingest answers a request to write a body of a kind.
func (s *server) ingest(w http.ResponseWriter, r *http.Request, kind string) error {
	key, err := s.bearer(w, r, keys.Scope(kind))
	if err != nil {
		return err
	}
	if s.IngestRate != nil && !s.IngestRate.admit(w.Header(), []string{"key " + key.ID}, s.Now()) {
		return errIngestRate
	}
	waiting, cancel := context.WithTimeout(r.Context(), ingestWait)
	free, err := s.ingests.of(r).take(waiting, client(r), key.ID)
	cancel()
	if err != nil {
		return errors.Join(errIngestBusy, r.Context().Err())
	}
	defer free()
	start := time.Now()
	written, err := s.write(w, r, kind)
	line := []slog.Attr{
		slog.String("id", unwrap(w).id), slog.String("key", key.Name), slog.String("key_id", key.ID), slog.String("kind", kind),
		slog.Int("records", written.Records), slog.Int("written", written.Written), slog.Int("known", written.Known), slog.Duration("took", time.Since(start)),
	}
	var refused *ingest.Refused
	switch {
	case errors.As(err, &refused):
		s.Log.LogAttrs(r.Context(), slog.LevelWarn, "ingest refused", append(line, slog.Int("problems", len(refused.Problems)+refused.More))...)
		return s.refuseBody(w, refused)
	case err != nil:
		s.Log.LogAttrs(r.Context(), slog.LevelWarn, "ingest failed", append(line, slog.Any("error", err))...)
		return err
	}
	s.Log.LogAttrs(r.Context(), slog.LevelInfo, "ingest", line...)
	return answerJSON(w, http.StatusOK, "application/json", written)
}

// bodies are places for bodies, of which each key may have some.
type bodies struct {
	places    *queue
	own, wait int
	ownPlaces sync.Map // a *queue by the id of a key, of as many keys as there are
}

func newBodies(places, own, wait int) *bodies {
	return &bodies{places: newQueueOf(places, wait, errIngestBusy), own: own, wait: wait}
}

// take takes a place for a body of a client and a key.
func (b *bodies) take(ctx context.Context, client, key string) (free func(), err error) {
	own, known := b.ownPlaces.Load(key)
	if !known {
		own, _ = b.ownPlaces.LoadOrStore(key, newQueueOf(b.own, b.wait, errIngestBusy))
	}
	return takeAll(ctx, client, own.(*queue), b.places)
}

// ingests are the places for all bodies.
type ingests struct{ large, small *bodies }

func newIngests() ingests {
	return ingests{large: newBodies(ingestPlaces, ownPlaces, ingestQueue), small: newBodies(smallIngestPlaces, ownSmallPlaces, smallIngestQueue)}
}

// of returns the places for the body of a request, which is small if it says so.
func (i ingests) of(r *http.Request) *bodies {
	if r.ContentLength >= 0 && r.ContentLength <= smallIngest && r.Header.Get("Content-Encoding") == "" {
		return i.small
	}
	return i.large
}

// refuseBody answers with all that is wrong with a body.
func (s *server) refuseBody(w http.ResponseWriter, refused *ingest.Refused) error {
	const status = http.StatusUnprocessableEntity
	count := len(refused.Problems) + refused.More
	detail := fmt.Sprintf("Nothing was written: there are %d problems.", count)
	if count == 1 {
		detail = "Nothing was written: there is a problem."
	}
	return answerJSON(w, status, "application/problem+json", IngestProblem{http.StatusText(status), status, detail, refused.Problems, refused.More})
}

func answerJSON(w http.ResponseWriter, status int, contentType string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the reader may have left
	return nil
}

// bearer returns the key of a request that allows a scope.
func (s *server) bearer(w http.ResponseWriter, r *http.Request, scope keys.Scope) (keys.Key, error) {
	if s.Ledger == nil || s.Keys == nil {
		return keys.Key{}, errIngestOff
	}
	token := bearer(r)
	if token == "" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="exchequer"`)
		return keys.Key{}, errNoKey
	}
	key, err := s.Keys.Find(r.Context(), token)
	switch {
	case errors.Is(err, keys.ErrUnknown), errors.Is(err, keys.ErrExpired):
		w.Header().Set("WWW-Authenticate", `Bearer realm="exchequer", error="invalid_token"`)
		return key, &refusal{http.StatusUnauthorized, sentence(err.Error())}
	case err != nil:
		return key, errors.Join(errIngestDown, err)
	case !key.Allows(scope):
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="exchequer", error="insufficient_scope", scope=%q`, scope))
		return key, &refusal{http.StatusForbidden, fmt.Sprintf("This key lacks the scope %q; it has %q.", scope, key.Scopes)}
	}
	return key, nil
}

// write reads the body of a request and writes it.
func (s *server) write(w http.ResponseWriter, r *http.Request, kind string) (ingest.Written, error) {
	body, err := readBody(w, r, kind)
	if err != nil {
		return ingest.Written{}, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), ingestWrite)
	defer cancel()
	written, err := body.Write(ctx, s.gatherer)
	var denied *pgconn.PgError
	switch {
	case err == nil || errors.As(err, new(*ingest.Refused)):
		return written, err
	case errors.As(err, &denied) && denied.Code == "42501": // insufficient_privilege
		return written, errors.Join(errIngestRole, err)
	}
	return written, errors.Join(errIngestDown, err)
}

// readBody reads the body of a request in a limited time and size.
func readBody(w http.ResponseWriter, r *http.Request, kind string) (*ingest.Body, error) {
	lines := false
	switch media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media {
	case "", "application/json":
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		lines = true
	default:
		return nil, errBodyType
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(ingestRead)) // which every connection of a server has
	plain, end, err := decompressed(r)
	if err != nil {
		return nil, bodyError(err)
	}
	defer end()
	body, err := ingest.Read(kind, plain, lines)
	if err != nil {
		return nil, bodyError(err)
	}
	// Past the deadline the context of the request would end.
	_ = control.SetReadDeadline(time.Time{})
	return body, nil
}

// decompressed returns the body as its Content-Encoding says it is.
func decompressed(r *http.Request) (body io.Reader, end func(), err error) {
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return r.Body, func() {}, nil
	case "gzip":
		unzip, err := gzip.NewReader(r.Body)
		return unzip, func() {}, err
	case "zstd":
		d, err := zstd.NewReader(r.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(2*ingest.MostBytes))
		if err != nil {
			return nil, nil, err
		}
		return d, d.Close, nil
	}
	return nil, nil, errBodyCoding
}

// bodyError returns what the sender learns of a body that could not be read.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	var syntax *ingest.SyntaxError
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlowBody
	case errors.As(err, &tooLarge):
		return &refusal{http.StatusRequestEntityTooLarge, sentence(ingest.ErrTooLarge.Error())}
	case errors.Is(err, ingest.ErrTooLarge), errors.Is(err, ingest.ErrTooMany):
		return &refusal{http.StatusRequestEntityTooLarge, sentence(err.Error())}
	case errors.As(err, &syntax):
		return &refusal{http.StatusBadRequest, sentence(syntax.Error())}
	}
	return &refusal{http.StatusBadRequest, "The body could not be read to its end, or is not compressed as Content-Encoding says."}
}
