package aggregates

import (
	"math"
	"strings"
)

// A Place is a named point of a world.
type Place struct {
	World string `json:"world"`
	Name  string `json:"name"`
	X     int64  `json:"x"`
	Z     int64  `json:"z"`
	Kind  string `json:"kind" doc:"Such as town, station; may be empty."`
}

// A Bearing says where something is, seen from a place.
type Bearing struct {
	Place     string `json:"place" doc:"The nearest named place of the world."`
	Blocks    int64  `json:"blocks" doc:"How far it is, as the crow flies."`
	Direction string `json:"direction" enum:"N,NE,E,SE,S,SW,W,NW," doc:"Empty where it is at the place. North is towards negative z, east towards positive x."`
}

// atPlace is how many blocks around its point a place has.
const atPlace = 16

// bearing returns where a point is, seen from the nearest of the places; nil if its
// world has none.
func bearing(places []Place, world string, x, z int64) *Bearing {
	var nearest *Place
	var least int64
	for i := range places {
		p := &places[i]
		if p.World != world {
			continue
		}
		if d := blocks(p.X, p.Z, x, z); nearest == nil || d < least {
			nearest, least = p, d
		}
	}
	if nearest == nil {
		return nil
	}
	b := &Bearing{Place: nearest.Name, Blocks: least}
	if least > atPlace {
		b.Direction = direction(x-nearest.X, z-nearest.Z)
	}
	return b
}

// blocks returns the distance between two points, rounded.
func blocks(x1, z1, x2, z2 int64) int64 {
	return int64(math.Round(math.Hypot(float64(x2-x1), float64(z2-z1))))
}

var directions = strings.Fields("E SE S SW W NW N NE")

// direction returns the nearest of eight directions: x grows to the east, z to the
// south.
func direction(dx, dz int64) string {
	eighth := math.Round(math.Atan2(float64(dz), float64(dx)) / (math.Pi / 4))
	return directions[(int(eighth)+8)%8]
}
