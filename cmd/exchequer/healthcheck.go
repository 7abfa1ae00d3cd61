package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// serverFlag names a running server.
type serverFlag struct {
	Server string `default:"http://127.0.0.1:8080" env:"EXCHEQUER_SERVER" group:"operators" help:"Address of the running server."`
}

type healthcheckCommand struct{ serverFlag }

func (c healthcheckCommand) Run(ctx context.Context, s streams) error {
	status, body, err := c.get(ctx, "/readyz", 3*time.Second)
	if err != nil {
		return fmt.Errorf("check readiness: %w", err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("not ready: %s", strings.TrimSpace(body))
	}
	fmt.Fprintln(s.out, "ready")
	return nil
}

// get fetches a path of the server, up to 1 MB of its body.
func (f serverFlag) get(ctx context.Context, path string, timeout time.Duration) (int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(f.Server, "/")+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, string(body), err
}
