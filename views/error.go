package views

import "net/http"

// A Choice is a thing that a visitor may have meant.
type Choice struct{ Name, Note, Path string }

func errorTitle(status int) string {
	switch status {
	case http.StatusMultipleChoices:
		return "Which one?"
	case http.StatusUnauthorized:
		return "For viewers only"
	case http.StatusNotFound:
		return "Page not found"
	case http.StatusMethodNotAllowed:
		return "Not possible this way"
	case http.StatusTooManyRequests:
		return "Too many requests"
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "Not available right now"
	}
	if status >= 500 {
		return "This page could not be made"
	}
	return "This request cannot be answered"
}
