package report

// Shapes numbers distinct layers, so that thousands of points can each say what
// they are made of in a few bytes. The zero value is empty and works.
type Shapes struct {
	list   []Layer
	number map[Layer]int
}

// Add is the number of a layer, a new one if it was not seen before.
func (s *Shapes) Add(l Layer) int {
	if n, ok := s.number[l]; ok {
		return n
	}
	if s.number == nil {
		s.number = map[Layer]int{}
	}
	s.number[l] = len(s.list)
	s.list = append(s.list, l)
	return len(s.list) - 1
}

// List is the layers by number, for Data.Shapes.
func (s *Shapes) List() []Layer { return s.list }
