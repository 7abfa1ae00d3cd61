package cache

import (
	"encoding"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"reflect"
)

// shapeOf returns a hash of the fields and types that a type has in JSON.
// Builds in which it differs do not read each other's blobs. The error is for a
// type that JSON would change.
func shapeOf(t reflect.Type) (string, error) {
	h := fnv.New64a()
	if err := writeShape(h, t, t.String(), map[reflect.Type]bool{}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%016x", h.Sum64()), nil
}

// writeShape writes to w what shapeOf hashes. At is the path to t, for errors;
// seen has the types that contain it.
func writeShape(w io.Writer, t reflect.Type, at string, seen map[reflect.Type]bool) error {
	fmt.Fprint(w, t.Kind(), " ")
	if seen[t] {
		fmt.Fprint(w, t, " ") // a type within itself
		return nil
	}
	if marshals(t) {
		fmt.Fprint(w, t, " ")
		return nil
	}
	seen[t] = true
	defer delete(seen, t)
	switch t.Kind() {
	case reflect.Interface, reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer, reflect.Uintptr:
		return fmt.Errorf("%s is a %s, which JSON does not keep", at, t.Kind())
	case reflect.Pointer, reflect.Slice:
		return writeShape(w, t.Elem(), at, seen)
	case reflect.Array:
		fmt.Fprint(w, t.Len(), " ")
		return writeShape(w, t.Elem(), at, seen)
	case reflect.Map:
		if err := writeShape(w, t.Key(), at+" key", seen); err != nil {
			return err
		}
		return writeShape(w, t.Elem(), at, seen)
	case reflect.Struct:
		for f := range t.Fields() {
			name := at + "." + f.Name
			if !f.IsExported() && !f.Anonymous {
				return fmt.Errorf("%s is not exported, which JSON does not keep", name)
			}
			if f.Tag.Get("json") == "-" {
				return fmt.Errorf("%s is left out of JSON", name)
			}
			fmt.Fprintf(w, "%s %q ", f.Name, f.Tag.Get("json"))
			if err := writeShape(w, f.Type, name, seen); err != nil {
				return err
			}
		}
		fmt.Fprint(w, "end ")
	}
	return nil
}

// marshals reports whether a type has methods that encode and decode it.
func marshals(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Implements(reflect.TypeFor[json.Marshaler]()) && p.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) && p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}
