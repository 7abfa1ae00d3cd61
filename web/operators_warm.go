package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"exchequer/cache"
)

// warmLimit is how long warming may take, whatever the server's limit on other
// answers is.
const warmLimit = 15 * time.Minute

type warmInput struct {
	Body *warmBody
}

type warmBody struct {
	Memos []string `json:"memos,omitempty" maxItems:"64" nullable:"false" doc:"The names of memos; all of them if empty."`
}

// A warmLine is one line of the answer: a key that is done with, or the end.
type warmLine struct {
	Done     int    `json:"done,omitempty"`
	Of       int    `json:"of,omitempty"`
	Memo     string `json:"memo,omitempty"`
	Key      string `json:"key,omitempty"`
	Finished *bool  `json:"finished,omitempty" doc:"In the last line: false where it was cut short."`
	Failed   *int   `json:"failed,omitempty" doc:"In the last line: keys that are not up to date."`
	Error    string `json:"error,omitempty"`
}

func warmOperation(op huma.Operation) huma.Operation {
	op.Description = "Answers with a line for each key as it is done with, and a last one. One at a time in a process; " +
		"it stops when the client leaves."
	op.Responses = map[string]*huma.Response{"200": {
		Description: "Lines of JSON.",
		Content: map[string]*huma.MediaType{"application/x-ndjson": {
			Schema: huma.SchemaFromType(huma.NewMapRegistry("", huma.DefaultSchemaNamer), reflect.TypeFor[warmLine]()),
		}},
	}}
	return op
}

func (s *server) cacheWarm(ctx context.Context, in *warmInput) (*huma.StreamResponse, error) {
	var names []string
	if in.Body != nil {
		names = in.Body.Memos
	}
	note(ctx, slog.Any("memos", names))
	if !s.warming.TryAcquire(1) {
		note(ctx, slog.String("reason", "another is warming"))
		return nil, huma.Error409Conflict("this process is warming its cache already; wait until it is done")
	}
	// The names are known to be right before the first line is sent.
	if err := s.known(names...); err != nil {
		s.warming.Release(1)
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer s.warming.Release(1)
		r, w := humachi.Unwrap(c)
		ctx, cancel := context.WithTimeout(r.Context(), warmLimit)
		defer cancel()
		if s.Leaving != nil {
			defer context.AfterFunc(s.Leaving, cancel)()
		}
		s.warm(ctx, w, names)
	}}, nil
}

// warm streams the progress of warming to w.
func (s *server) warm(ctx context.Context, w http.ResponseWriter, names []string) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	rc := http.NewResponseController(w)
	// The server's limits are for other answers. That on reading holds for the
	// connection while it waits for the client to leave.
	err := errors.Join(rc.SetWriteDeadline(time.Now().Add(warmLimit+writeTimeout)), rc.SetReadDeadline(time.Time{}))
	if err != nil {
		s.Log.WarnContext(ctx, "warm: the answer cannot outlast other answers", "error", err)
	}
	lines := json.NewEncoder(w)
	say := func(line warmLine) {
		_ = lines.Encode(line) // a client who has left ends ctx
		_ = rc.Flush()
	}
	failed := 0
	err = s.Cache.Warm(ctx, names, func(p cache.Progress) {
		line := warmLine{Done: p.Done, Of: p.Of, Memo: p.Memo, Key: p.Key}
		if p.Err != nil {
			failed++
			line.Error = p.Err.Error()
		}
		say(line)
	})
	finished := ctx.Err() == nil
	end := warmLine{Finished: &finished, Failed: &failed}
	if !finished {
		end.Error = err.Error()
	}
	say(end)
	note(ctx, slog.Bool("finished", finished), slog.Int("failed", failed))
}
