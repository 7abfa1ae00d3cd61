// Package vitals is about how fast pages are for those who read them: what browsers
// measured (a beacon for each view that is sampled), what the server took, since when
// a page is slower, and which of our scripts fail.
//
// It knows nobody: a beacon has the pattern of a route, the class of a device and of its
// connection, numbers, and failures of our own scripts. All of it is forgotten after 30
// days.
//
// Everything is bounded whatever is sent: routes are those of the site, numbers are
// clamped and counted in the buckets of one scale, and of failures the latest 200 are
// kept. Counts are added to the database once a minute, so that those of all processes
// are one. While that fails, they wait in memory, and past a limit are dropped; pages
// are never the slower for it.
package vitals
