// Package views renders pages. Its components are pure functions of their
// arguments: they read no clock, run no query and see no request, so that the
// bytes of an address are the same for all visitors.
//
// There is no inline style and no inline script, since the content security
// policy is 'self'. Scripts read data attributes:
//
//   - The content of <main id="main"> is what a refresh replaces, and ids in it
//     are stable. A cold page has its parts in slots of a shadow root.
//   - #folio carries data-as-of, data-next (Unix milliseconds), data-window and
//     data-lag (milliseconds), and data-ended if nothing will change.
//   - #live-ring (hidden until a script shows it) is an SVG whose .fill circle
//     has pathLength 100: stroke-dashoffset 100 is empty, 0 is full. #live-text
//     is the time of the numbers, #live-next is when the next ones are due,
//     #live-pause, #live-retry are hidden buttons, #live-news is read out.
//     All but the text are the script's. It sends the event "refreshed" to the
//     document when it has merged new content.
//   - [data-tip] is the exact value under the pointer and, after a line break,
//     of what; #tip is the empty, hidden box to show it in. It stands beside a
//     column (within .hit), else over its target. An element with data-steps is
//     one tab stop: the arrow keys step through the [data-tip] within it.
//   - [data-n] names a number that may change; the class "changed" marks it for
//     a moment.
package views
