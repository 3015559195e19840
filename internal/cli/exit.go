package cli

import (
	"errors"
	"fmt"

	"hanas/configs"
)

// Exit codes.
const (
	codeDone   = 0
	codeFailed = 1
	codeUsage  = 2 // wrong flag, argument, preset or setting
	codeInput  = 3 // a file that was given is missing, damaged or not what it should be
)

// codedError gives an error its exit code.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// errSaid stands for a failure that the command's own output tells.
var errSaid = errors.New("see above")

// usage is an error for wrong use.
func usage(format string, args ...any) error {
	return &codedError{codeUsage, fmt.Errorf(format, args...)}
}

// badInput marks an error as the fault of a file that was given; nil stays nil.
func badInput(err error) error {
	if err == nil {
		return nil
	}
	return &codedError{codeInput, err}
}

// exitCode is the table from errors to exit codes.
func exitCode(err error) int {
	var coded *codedError
	var config *configs.Error
	switch {
	case err == nil:
		return codeDone
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &config) && config.File:
		return codeInput
	case errors.As(err, &config), errors.Is(err, configs.ErrUnknown):
		return codeUsage
	}
	return codeFailed
}
