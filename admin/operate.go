package admin

import (
	"context"
	"strings"

	"exchequer/cache"
)

// What operators do by the API and admins by pages is done here, once.

// An InvalidateRequest is the body of POST invalidate. It names one scope.
type InvalidateRequest struct {
	Key     string `json:"key,omitempty" maxLength:"512" doc:"One value: MEMO:PARAMS, without control characters."`
	Memo    string `json:"memo,omitempty" maxLength:"128" doc:"All values of a memo."`
	Tag     string `json:"tag,omitempty" maxLength:"128" doc:"The memos of a tag."`
	Pattern string `json:"pattern,omitempty" maxLength:"128" doc:"The memos whose names match: economy.*"`
	Tenant  bool   `json:"tenant,omitempty" doc:"All memos of this deployment."`
	All     bool   `json:"all,omitempty" doc:"Everything in the shared level, other deployments included."`
	How     string `json:"how,omitempty" enum:"soft,hard" default:"soft" doc:"soft: shown until there is a newer one. hard: not shown again."`
}

// Scope returns the one scope that a request names, and reports whether it names one.
func (r InvalidateRequest) Scope() (scope cache.Scope, one bool) {
	var given []cache.Scope
	if r.Key != "" {
		memo, params, _ := strings.Cut(r.Key, ":")
		given = append(given, cache.Key(memo, params))
	}
	if r.Memo != "" {
		given = append(given, cache.Name(r.Memo))
	}
	if r.Tag != "" {
		given = append(given, cache.Tag(r.Tag))
	}
	if r.Pattern != "" {
		given = append(given, cache.Pattern(r.Pattern))
	}
	if r.Tenant {
		given = append(given, cache.Tenant())
	}
	if r.All {
		given = append(given, cache.All())
	}
	if len(given) != 1 {
		return cache.Scope{}, false
	}
	return given[0], true
}

// Mode returns how it invalidates.
func (r InvalidateRequest) Mode() cache.Mode {
	if r.How == cache.Hard.String() {
		return cache.Hard
	}
	return cache.Soft
}

// An InvalidateAnswer is the answer of POST invalidate.
type InvalidateAnswer struct {
	Scope string `json:"scope" example:"memo economy.overview"`
	How   string `json:"how" enum:"soft,hard"`
	Down  bool   `json:"down" doc:"Redis is down: other processes learn of a soft invalidation when Redis is back, and of a hard one within 10 s, from the database."`
	// The parameters of a key, unlike a memo's name, cannot be checked.
	Unknown bool `json:"unknown,omitempty" doc:"Neither this process nor the shared level has the key: it may be misspelt."`
}

// Invalidate does what a request says, whose scope is known to be one.
func Invalidate(ctx context.Context, c *cache.Cache, r InvalidateRequest) (InvalidateAnswer, error) {
	scope, _ := r.Scope()
	if err := c.Invalidate(ctx, r.Mode(), scope); err != nil {
		return InvalidateAnswer{}, err
	}
	a := InvalidateAnswer{Scope: scope.String(), How: r.Mode().String(), Down: c.Health().Shared.Down}
	if memo, params, _ := strings.Cut(r.Key, ":"); memo != "" {
		st, err := c.Status(ctx, memo, params)
		a.Unknown = err == nil && st.Process == nil && (st.Shared == nil || !st.Shared.Cached)
	}
	return a, nil
}
