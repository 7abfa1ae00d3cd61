// Package format turns the text of files and of answers into rows: CSV, lines that match a
// pattern, JSON, YAML, and some files of their own kind. It knows nothing of what rows
// mean. What it reads is not trusted: records, documents and their depth are bounded, and
// nothing is expanded.
package format
