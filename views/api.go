package views

// An Operation is an address that programs may ask for.
type Operation struct {
	Path        string // "/api/v1/items/{id}"
	Summary     string
	Description string // may be empty
	Params      []OperationParam
	Example     string // the form of its answer, as JSON
}

// An OperationParam is a parameter of an operation.
type OperationParam struct {
	Name, Where string // "days", "query"
	Text        string
	Values      []string // that it may have; nil: any
	Default     string
}
