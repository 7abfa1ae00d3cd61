package views

import (
	"context"
	"slices"
	"strings"

	"github.com/a-h/templ"
)

// An address in this package, and in the record of what a page links to, is that of a site
// at the root of its host. What writes one for a reader uses [Root.Of] or here, so that a
// site may be below a path.

// A Root is the path below which a site is, without a slash at its end: "/c/town". Empty
// for a site at the root of its host.
type Root string

// Of returns the address by which a reader reaches an address of the site. What does not
// begin with a slash, such as a fragment, is left as it is.
func (r Root) Of(address string) string {
	if !strings.HasPrefix(address, "/") {
		return address
	}
	return string(r) + address
}

type rootKey struct{}

// Below returns a context in which components link to addresses of the site at a root.
func Below(ctx context.Context, r Root) context.Context {
	if r == "" {
		return ctx
	}
	return context.WithValue(ctx, rootKey{}, r)
}

// NeededByAdmins reports whether the pages of admins need an address of the site: where one
// signs in and out, and how pages look.
func NeededByAdmins(address string) bool {
	return slices.ContainsFunc([]string{SignInPath, SignOutPath, "/static/", "/theme", "/favicon.ico"}, func(begin string) bool {
		return strings.HasPrefix(address, begin)
	})
}

type awayKey struct{}

// within returns the context in which the page is drawn.
func (p Page) within(ctx context.Context) context.Context {
	if p.Apart {
		ctx = context.WithValue(ctx, awayKey{}, p.BaseURL)
	}
	return Below(ctx, p.Root)
}

// here returns the link to an address of the site that is being drawn. At the operators' own
// address it leads to that of the site, and is empty if that is not known.
func here[A ~string](ctx context.Context, address A) templ.SafeURL {
	base, apart := ctx.Value(awayKey{}).(string)
	if to := string(address); apart && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, AdminPath) && !NeededByAdmins(to) {
		if base == "" {
			return ""
		}
		return templ.SafeURL(base + to)
	}
	root, _ := ctx.Value(rootKey{}).(Root)
	return templ.SafeURL(root.Of(string(address)))
}
