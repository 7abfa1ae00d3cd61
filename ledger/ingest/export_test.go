package ingest

// Problems returns what was wrong with what was read.
func (b *Body) Problems() []Problem { return b.problems.list }
