package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// operatorFlags name the server to call, and the operators' token.
type operatorFlags struct {
	serverFlag
	OperatorToken     string `name:"operator-token" env:"EXCHEQUER_OPERATOR_TOKEN" placeholder:"SECRET" group:"operators" help:"The token that the server was started with; set it in the environment, which others cannot see."`
	OperatorTokenFile string `name:"operator-token-file" env:"EXCHEQUER_OPERATOR_TOKEN_FILE" type:"path" placeholder:"FILE" group:"operators" help:"File that holds the token."`
	JSON              bool   `name:"json" group:"operators" help:"Print the server's answer as it is."`
}

const (
	operatorTimeout = 10 * time.Second
	answerLimit     = 4 << 20
)

// call sends a request to a path below /api/v1/cache and decodes the answer into
// to. With --json it also prints the answer as it is.
func (f operatorFlags) call(ctx context.Context, s streams, method, path string, query url.Values, body, to any) error {
	ctx, cancel := context.WithTimeout(ctx, operatorTimeout)
	defer cancel()
	answer, err := f.send(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	text, err := io.ReadAll(io.LimitReader(answer, answerLimit))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", f.Server, err)
	}
	if f.JSON {
		fmt.Fprintf(s.out, "%s\n", bytes.TrimSpace(text))
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("read the answer of %s: %w (is it an exchequer of this version?)", f.Server, err)
	}
	return nil
}

// send sends a request and returns the body of the answer. Any status but 200 is
// an error.
func (f operatorFlags) send(ctx context.Context, method, path string, query url.Values, body any) (io.ReadCloser, error) {
	token, err := secret("EXCHEQUER_OPERATOR_TOKEN", f.OperatorToken, f.OperatorTokenFile)
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, errors.New("there is no operators' token: set EXCHEQUER_OPERATOR_TOKEN or EXCHEQUER_OPERATOR_TOKEN_FILE to the one that the server was started with")
	}
	address := strings.TrimSuffix(f.Server, "/") + "/api/v1/cache/" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, sent)
	if err != nil {
		return nil, fmt.Errorf("call %s: want an address such as http://127.0.0.1:8080: %w", f.Server, err)
	}
	if request.URL.Host == "" {
		return nil, fmt.Errorf("call %s: want an address such as http://127.0.0.1:8080", f.Server)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		if cause := ctx.Err(); errors.Is(cause, context.Canceled) {
			return nil, cause
		}
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the address, which the message has already
		}
		return nil, fmt.Errorf("%s does not answer: %w (is exchequer serve running there? --server or EXCHEQUER_SERVER names another)", f.Server, err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	return nil, f.responseError(response)
}

// A problem is a problem document of RFC 9457.
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

// responseError returns an error with the reason of an answer, and what to do.
func (f operatorFlags) responseError(response *http.Response) error {
	var p problem
	text, _ := io.ReadAll(io.LimitReader(response.Body, answerLimit)) // the part that arrived
	why := ""
	if json.Unmarshal(text, &p) == nil && (p.Detail != "" || p.Title != "") {
		why = ": " + cmp.Or(p.Detail, p.Title)
		for _, e := range p.Errors {
			why += "; " + e.Location + ": " + e.Message
		}
	} else if response.StatusCode < 500 {
		why = " (is it an exchequer of this version?)"
	}
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		why += " (EXCHEQUER_OPERATOR_TOKEN or EXCHEQUER_OPERATOR_TOKEN_FILE must be the same here and at the server)"
	case http.StatusTooManyRequests:
		if after := response.Header.Get("Retry-After"); after != "" {
			why += " (in " + after + " s)"
		}
	}
	return fmt.Errorf("%s answered %s%s", f.Server, response.Status, why)
}
