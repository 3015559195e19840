package eval

import (
	"fmt"

	"hanas/datasets"
)

// categoriesOf gives the category of each class of a network: that of its name,
// or, for a network without names, of its number. A name that the annotations do
// not have is refused: the figures would be those of other things.
func categoriesOf(labels []string, s *datasets.Scenes) (func(class int) (int, error), error) {
	if len(labels) == 0 {
		return func(class int) (int, error) {
			if class >= len(s.Categories) {
				return 0, fmt.Errorf("the network gives class %d, the annotations have %d categories", class, len(s.Categories))
			}
			return class, nil
		}, nil
	}
	byName := map[string]int{}
	for i, c := range s.Categories {
		byName[c.Name] = i
	}
	at := make([]int, len(labels))
	for class, name := range labels {
		i, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("class %d of the network is %q, which is none of the annotations' %d categories (%q first)", class, name, len(s.Categories), s.Categories[0].Name)
		}
		at[class] = i
	}
	return func(class int) (int, error) {
		if class >= len(at) {
			return 0, fmt.Errorf("the network gives class %d, it has %d labels", class, len(at))
		}
		return at[class], nil
	}, nil
}
