package torchfile

import (
	"encoding/binary"
	"fmt"
	"math"
)

// machine runs the part of the pickle language (Python's pickletools.py lists
// it, protocols 0 to 5) that torch.save writes. It makes values and calls
// nothing.
type machine struct {
	data  []byte
	at    int // of the next byte in data
	stack []any
	memo  map[int]any
	// storage makes what a persistent id names.
	storage func(id Tuple) (any, error)
	done    bool
}

// unpickle reads one pickle at the start of data and says how long it is.
func unpickle(data []byte, storage func(Tuple) (any, error)) (v any, size int, err error) {
	m := &machine{data: data, memo: map[int]any{}, storage: storage}
	for !m.done {
		start := m.at
		code, err := m.take(1)
		if err == nil {
			op, ok := opcodes[code[0]]
			if !ok {
				return nil, 0, fmt.Errorf("byte %d: pickle opcode 0x%02x is not one of those that hold tensors (refused: nothing is executed)", start, code[0])
			}
			err = op(m)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("byte %d: %w", start, err)
		}
	}
	v, err = m.pop()
	if err == nil && len(m.stack) > 0 {
		err = fmt.Errorf("%d values too many", len(m.stack))
	}
	if err != nil {
		return nil, 0, fmt.Errorf("byte %d: end of the pickle: %w", m.at, err)
	}
	return v, m.at, nil
}

// take is the next n bytes.
func (m *machine) take(n int) ([]byte, error) {
	if n < 0 || n > len(m.data)-m.at {
		return nil, fmt.Errorf("%d bytes wanted, %d left: %w", n, len(m.data)-m.at, errCut)
	}
	m.at += n
	return m.data[m.at-n : m.at], nil
}

// number is the next size bytes as an unsigned little-endian number.
func (m *machine) number(size int) (int, error) {
	b, err := m.take(size)
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	v := binary.LittleEndian.Uint64(wide[:])
	if v > math.MaxInt32 {
		return 0, fmt.Errorf("length %d: %w", v, errCut)
	}
	return int(v), nil
}

// line is the text before the next newline.
func (m *machine) line() (string, error) {
	for i := m.at; i < len(m.data); i++ {
		if m.data[i] == '\n' {
			text := string(m.data[m.at:i])
			m.at = i + 1
			return text, nil
		}
	}
	return "", errCut
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

func (m *machine) pop() (any, error) {
	if len(m.stack) == 0 {
		return nil, errStack
	}
	v := m.stack[len(m.stack)-1]
	if _, ok := v.(mark); ok {
		return nil, errStack
	}
	m.stack = m.stack[:len(m.stack)-1]
	return v, nil
}

// popN takes the last n values, in order.
func (m *machine) popN(n int) (Tuple, error) {
	out := make(Tuple, n)
	for i := n - 1; i >= 0; i-- {
		var err error
		if out[i], err = m.pop(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// popMark takes what lies above the last mark, and the mark.
func (m *machine) popMark() (Tuple, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, ok := m.stack[i].(mark); ok {
			out := append(Tuple(nil), m.stack[i+1:]...)
			m.stack = m.stack[:i]
			return out, nil
		}
	}
	return nil, errStack
}

// top is the last value, left where it is.
func (m *machine) top() (any, error) {
	v, err := m.pop()
	if err == nil {
		m.push(v)
	}
	return v, err
}
