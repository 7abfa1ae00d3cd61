package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

var (
	errRate  = &refusal{http.StatusTooManyRequests, "This client has made more requests a minute than it may. Ask again when Retry-After says, and keep answers for as long as Cache-Control says."}
	errAgent = &refusal{http.StatusForbidden, "Say who asks: send a User-Agent with the name of your program and how to reach you, such as: my-tool (me@example.org)."}
)

// admitting returns h for requests of the public API within the limits.
func (s *server) admitting(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.admit(w, r); err != nil {
			for name, values := range anyOriginHeaders {
				w.Header()[name] = values
			}
			return err
		}
		return h(w, r)
	}
}

// admit returns why a request is refused, and sets the headers of the limit.
func (s *server) admit(w http.ResponseWriter, r *http.Request) error {
	if s.AskUserAgent && !saysWho(r.UserAgent()) {
		return errAgent
	}
	if s.APIRate == nil {
		return nil
	}
	w.Header().Set("Access-Control-Expose-Headers", "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, ETag, Link")
	if !s.APIRate.admit(w.Header(), counted(client(r)), s.Now()) {
		return errRate
	}
	return nil
}

// admit counts a request of a client, sets the headers of the limit, and reports whether
// the request is within it.
func (r *Rate) admit(h http.Header, names []string, now time.Time) bool {
	left, wait, ok := r.take(names, now)
	h.Set("RateLimit-Limit", strconv.FormatInt(r.limit, 10))
	h.Set("RateLimit-Remaining", strconv.FormatInt(left, 10))
	if !ok {
		h.Set("RateLimit-Reset", seconds(wait))
		h.Set("Retry-After", seconds(wait))
	} else {
		h.Set("RateLimit-Reset", seconds(time.Minute-since(now)))
	}
	return ok
}

// seconds returns whole seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// libraries begin the User-Agent that a library or tool sends by itself, in lower case.
var libraries = []string{
	"aiohttp", "apache-httpclient", "axios", "bun", "curl", "dalvik", "dart", "deno", "faraday", "go-http-client", "go-resty", "got", "guzzlehttp", "hackney", "httpie",
	"jakarta", "java", "ktor-client", "libwww-perl", "lua-resty-http", "lwp-request", "node", "okhttp", "php", "postmanruntime", "pycurl", "python", "reqwest",
	"restsharp", "ruby", "scrapy", "symfony", "undici", "unirest", "ureq", "wget",
}

// saysWho reports whether a User-Agent says who asks: it is none that a library sends by
// itself, or has an @, as an address at which somebody can be reached. Some libraries
// send the address of their own page.
func saysWho(agent string) bool {
	agent = strings.ToLower(strings.TrimSpace(agent))
	if agent == "" || strings.Contains(agent, "@") {
		return agent != ""
	}
	product, _, _ := strings.Cut(agent, " ")
	name, _, _ := strings.Cut(product, "/")
	for _, library := range libraries {
		if name == library || strings.HasPrefix(name, library+"-") {
			return false
		}
	}
	return true
}
