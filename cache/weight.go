package cache

import (
	"reflect"
	"sync"
	"time"
)

// weight returns about how many bytes the slot takes: the value, and the slot
// itself with its entry, its keys and its places in maps.
func (s *slot[P, T]) weight() uint32 {
	const bare = 1500
	if e := s.entry.Load(); e != nil {
		return uint32(bare + e.memory)
	}
	return bare
}

// memoryOf returns about how many bytes a value takes, with all that it points
// to. What two pointers share counts twice.
func memoryOf(v reflect.Value) int {
	if !v.IsValid() {
		return 0
	}
	return int(v.Type().Size()) + indirectMemory(v)
}

// indirectMemory returns the bytes that v points to.
func indirectMemory(v reflect.Value) int {
	if !hasPointers(v.Type()) {
		return 0
	}
	n := 0
	switch v.Kind() {
	case reflect.String:
		n = v.Len()
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			n = memoryOf(v.Elem())
		}
	case reflect.Slice:
		n = v.Cap() * int(v.Type().Elem().Size())
		fallthrough
	case reflect.Array:
		if hasPointers(v.Type().Elem()) {
			for i := range v.Len() {
				n += indirectMemory(v.Index(i))
			}
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			n += indirectMemory(field)
		}
	case reflect.Map:
		for i := v.MapRange(); i.Next(); {
			n += mapEntry + memoryOf(i.Key()) + memoryOf(i.Value())
		}
	}
	return n
}

// mapEntry is what a map takes for an entry besides its key and value: a control
// byte, and room to grow.
const mapEntry = 16

var pointerTypes sync.Map // of reflect.Type to bool

// hasPointers reports whether values of a type point to memory of their own.
func hasPointers(t reflect.Type) bool {
	if found, ok := pointerTypes.Load(t); ok {
		return found.(bool)
	}
	found := false
	switch t.Kind() {
	case reflect.Array:
		found = hasPointers(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			break // all share the one location
		}
		for field := range t.Fields() {
			found = found || hasPointers(field.Type)
		}
	case reflect.String, reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		found = true
	}
	pointerTypes.Store(t, found)
	return found
}
