package torchfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// opcodes is the table of what a pickle may say; whatever is not in it is refused.
var opcodes = map[byte]func(*machine) error{
	0x80: func(m *machine) error { return skip(m, 1) }, // PROTO
	0x95: func(m *machine) error { return skip(m, 8) }, // FRAME
	'.':  func(m *machine) error { m.done = true; return nil },
	'(':  func(m *machine) error { m.push(mark{}); return nil },
	'0':  func(m *machine) error { _, err := m.pop(); return err },
	'1':  func(m *machine) error { _, err := m.popMark(); return err },

	'N':  constant(nil),
	0x88: constant(true),
	0x89: constant(false),
	'K':  func(m *machine) error { return small(m, 1) },
	'M':  func(m *machine) error { return small(m, 2) },
	'J': func(m *machine) error { // BININT
		b, err := m.take(4)
		if err == nil {
			m.push(int64(int32(binary.LittleEndian.Uint32(b))))
		}
		return err
	},
	0x8a: func(m *machine) error { // LONG1
		return counted(m, 1, func(b []byte) any { return integer(b) })
	},
	'G': func(m *machine) error { // BINFLOAT, the one big-endian number
		b, err := m.take(8)
		if err == nil {
			m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
		return err
	},
	'X':  func(m *machine) error { return counted(m, 4, text) },
	0x8c: func(m *machine) error { return counted(m, 1, text) },
	'U':  func(m *machine) error { return counted(m, 1, text) },
	'T':  func(m *machine) error { return counted(m, 4, text) },
	'C':  func(m *machine) error { return counted(m, 1, func(b []byte) any { return b }) },
	'B':  func(m *machine) error { return counted(m, 4, func(b []byte) any { return b }) },

	'}':  func(m *machine) error { m.push(&Dict{}); return nil },
	']':  func(m *machine) error { m.push(&List{}); return nil },
	')':  constant(Tuple{}),
	't':  func(m *machine) error { t, err := m.popMark(); m.push(t); return err },
	0x85: func(m *machine) error { t, err := m.popN(1); m.push(t); return err },
	0x86: func(m *machine) error { t, err := m.popN(2); m.push(t); return err },
	0x87: func(m *machine) error { t, err := m.popN(3); m.push(t); return err },
	's':  func(m *machine) error { t, err := m.popN(2); return setItems(m, t, err) },
	'u':  func(m *machine) error { t, err := m.popMark(); return setItems(m, t, err) },
	'a':  func(m *machine) error { t, err := m.popN(1); return appendItems(m, t, err) },
	'e':  func(m *machine) error { t, err := m.popMark(); return appendItems(m, t, err) },

	'q':  func(m *machine) error { n, err := m.number(1); return remember(m, n, err) },
	'r':  func(m *machine) error { n, err := m.number(4); return remember(m, n, err) },
	0x94: func(m *machine) error { return remember(m, len(m.memo), nil) }, // MEMOIZE
	'h':  func(m *machine) error { n, err := m.number(1); return recall(m, n, err) },
	'j':  func(m *machine) error { n, err := m.number(4); return recall(m, n, err) },

	'c': func(m *machine) error { // GLOBAL
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		return pushGlobal(m, module, name, err)
	},
	0x93: func(m *machine) error { // STACK_GLOBAL
		t, err := m.popN(2)
		if err != nil {
			return err
		}
		module, ok := t[0].(string)
		name, ok2 := t[1].(string)
		if !ok || !ok2 {
			return fmt.Errorf("a global named by %T and %T", t[0], t[1])
		}
		return pushGlobal(m, module, name, nil)
	},
	'R': reduce,
	'b': build,
	'Q': func(m *machine) error { // BINPERSID
		v, err := m.pop()
		if err != nil {
			return err
		}
		id, ok := v.(Tuple)
		if !ok {
			return fmt.Errorf("a persistent id is %T, want a tuple", v)
		}
		s, err := m.storage(id)
		m.push(s)
		return err
	},
}

func skip(m *machine, n int) error {
	_, err := m.take(n)
	return err
}

func constant(v any) func(*machine) error {
	return func(m *machine) error { m.push(v); return nil }
}

func small(m *machine, size int) error {
	n, err := m.number(size)
	m.push(int64(n))
	return err
}

// counted pushes what read makes of as many bytes as a number of size bytes says.
func counted(m *machine, size int, read func([]byte) any) error {
	n, err := m.number(size)
	if err != nil {
		return err
	}
	b, err := m.take(n)
	if err == nil {
		m.push(read(b))
	}
	return err
}

func text(b []byte) any { return strings.ToValidUTF8(string(b), "\uFFFD") }

func setItems(m *machine, pairs Tuple, err error) error {
	if err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	d, ok := v.(*Dict)
	if !ok || len(pairs)%2 != 0 {
		return fmt.Errorf("%d keys and values for a %T, want pairs for a dict", len(pairs), v)
	}
	for i := 0; i < len(pairs); i += 2 {
		d.set(pairs[i], pairs[i+1])
	}
	return nil
}

func appendItems(m *machine, items Tuple, err error) error {
	if err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	l, ok := v.(*List)
	if !ok {
		return fmt.Errorf("items for a %T, want a list", v)
	}
	l.Items = append(l.Items, items...)
	return nil
}

func remember(m *machine, n int, err error) error {
	if err != nil {
		return err
	}
	v, err := m.top()
	m.memo[n] = v
	return err
}

func recall(m *machine, n int, err error) error {
	if err != nil {
		return err
	}
	v, ok := m.memo[n]
	if !ok {
		return fmt.Errorf("value %d is used before it is made", n)
	}
	m.push(v)
	return nil
}
