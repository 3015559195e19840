package torchfile

import (
	"fmt"
	"slices"
)

// The names of Python that a pickle may use. A storage class stands for the
// type of its numbers, the functions are rebuilt here in Go.
const (
	orderedDict      = "collections.OrderedDict"
	rebuildTensor    = "torch._utils._rebuild_tensor_v2"
	rebuildParameter = "torch._utils._rebuild_parameter"
)

// functions are the globals that REDUCE may name, with what each makes of its
// arguments.
var functions = map[global]func(Tuple) (any, error){
	orderedDict:      newOrderedDict,
	rebuildTensor:    newTensor,
	rebuildParameter: newParameter,
}

// storages are the globals that only name a type of number.
var storages = map[global]DType{
	"torch.DoubleStorage": Float64, "torch.FloatStorage": Float32, "torch.HalfStorage": Float16,
	"torch.BFloat16Storage": BFloat16, "torch.LongStorage": Int64, "torch.IntStorage": Int32,
	"torch.ShortStorage": Int16, "torch.CharStorage": Int8, "torch.ByteStorage": Uint8, "torch.BoolStorage": Bool,
}

func pushGlobal(m *machine, module, name string, err error) error {
	if err != nil {
		return err
	}
	g := global(module + "." + name)
	_, isStorage := storages[g]
	if _, ok := functions[g]; !ok && !isStorage {
		return fmt.Errorf("it names %.80q of Python, which is not one of %v (refused: nothing is executed; save a plain state_dict)", g, known())
	}
	m.push(g)
	return nil
}

// known are the functions' names, sorted.
func known() []string {
	var names []string
	for g := range functions {
		names = append(names, string(g))
	}
	slices.Sort(names)
	return append(names, "the torch storages")
}

// reduce is the opcode that would call a function.
func reduce(m *machine) error {
	t, err := m.popN(2)
	if err != nil {
		return err
	}
	g, ok := t[0].(global)
	args, ok2 := t[1].(Tuple)
	make, known := functions[g]
	if !ok || !ok2 || !known {
		return fmt.Errorf("a call of %T %.80v is refused: nothing is executed", t[0], t[0])
	}
	v, err := make(args)
	m.push(v)
	if err != nil {
		return fmt.Errorf("%s: %w", g, err)
	}
	return nil
}

// build would set the attributes of an object. PyTorch hangs _metadata on an
// OrderedDict so; nothing of it is needed.
func build(m *machine) error {
	t, err := m.popN(2)
	if err != nil {
		return err
	}
	if _, ok := t[0].(*Dict); !ok {
		return fmt.Errorf("attributes for a %T, want a dict", t[0])
	}
	m.push(t[0])
	return nil
}

func newOrderedDict(args Tuple) (any, error) {
	d := &Dict{}
	if len(args) == 0 {
		return d, nil
	}
	l, ok := args[0].(*List)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf("%d arguments, the first a %T; want a list of pairs", len(args), args[0])
	}
	for _, item := range l.Items {
		switch pair := item.(type) {
		case Tuple:
			if len(pair) == 2 {
				d.set(pair[0], pair[1])
				continue
			}
		case *List: // protocol 0 writes lists
			if len(pair.Items) == 2 {
				d.set(pair.Items[0], pair.Items[1])
				continue
			}
		}
		return nil, fmt.Errorf("an item is %T, want a pair", item)
	}
	return d, nil
}

func newParameter(args Tuple) (any, error) {
	if len(args) < 1 {
		return nil, fmt.Errorf("no argument")
	}
	t, ok := args[0].(*Tensor)
	if !ok {
		return nil, fmt.Errorf("of a %T, want a tensor", args[0])
	}
	return t, nil
}
