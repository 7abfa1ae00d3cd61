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

// warmLimit is how long warming may take. It is longer than the server allows
// other answers.
const warmLimit = 15 * time.Minute

type warmInput struct {
	Body *warmBody
}

type warmBody struct {
	Memos []string `json:"memos,omitempty" maxItems:"64" nullable:"false" doc:"The names of memos; all of them if empty."`
}

// A WarmLine is one line of the answer: a key that is done with, or the end.
type WarmLine struct {
	cache.Progress
	Finished *bool `json:"finished,omitempty" doc:"In the last line: false where it was cut short; then error is why."`
	Failed   *int  `json:"failed,omitempty" doc:"In the last line: keys that are not up to date."`
}

func warmOperation(op huma.Operation) huma.Operation {
	op.Description = "Answers with a line for each key as it is done with, and a last one. One at a time in a process; " +
		"it stops when the client leaves."
	op.Responses = map[string]*huma.Response{"200": {
		Description: "Lines of JSON.",
		Content: map[string]*huma.MediaType{"application/x-ndjson": {
			Schema: huma.SchemaFromType(huma.NewMapRegistry("", huma.DefaultSchemaNamer), reflect.TypeFor[WarmLine]()),
		}},
	}}
	return op
}

func (s *server) cacheWarm(ctx context.Context, in *warmInput) (*huma.StreamResponse, error) {
	var names []string
	if in.Body != nil {
		names = in.Body.Memos
	}
	annotate(ctx, slog.Any("memos", names))
	if !s.warming.TryAcquire(1) {
		annotate(ctx, slog.String("reason", "another is warming"))
		return nil, huma.Error409Conflict("this process is warming its cache already; wait until it is done")
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
	rc := http.NewResponseController(w)
	// The server's deadlines are for other answers. The one for reads would end
	// the wait for the client to leave.
	err := errors.Join(rc.SetWriteDeadline(time.Now().Add(warmLimit+writeTimeout)), rc.SetReadDeadline(time.Time{}))
	if err != nil {
		s.Log.WarnContext(ctx, "warm: the answer cannot outlast other answers", "error", err)
	}
	lines := json.NewEncoder(w)
	send := func(line WarmLine) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_ = lines.Encode(line) // if the client has left, ctx ends
		_ = rc.Flush()
	}
	failed := 0
	err = s.Cache.Warm(ctx, names, func(p cache.Progress) {
		if p.Error != "" {
			failed++
		}
		send(WarmLine{Progress: p})
	})
	var unknown *cache.UnknownMemoError
	if errors.As(err, &unknown) { // before any line
		annotate(ctx, slog.String("reason", unknown.Error()))
		problem(w, http.StatusNotFound, unknown.Error())
		return
	}
	finished := ctx.Err() == nil
	end := WarmLine{Finished: &finished, Failed: &failed}
	if !finished {
		end.Error = err.Error()
	}
	send(end)
	annotate(ctx, slog.Bool("finished", finished), slog.Int("failed", failed))
}
