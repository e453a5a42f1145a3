// Command hpa-oracle answers what the HorizontalPodAutoscaler controller of Kubernetes itself would do: for every line of
// JSON on its standard input one on its standard output. A line with "steps" is a sequence for the whole controller, any
// other one calculation. Time is virtual, in milliseconds from the start of a case; it starts at 0 for every line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

// Errors that the controller has reported: its queue's worker is the only one that does.
var reported atomic.Int64

func main() {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	// The handlers that are there by default wait between two errors, and that would be virtual time.
	utilruntime.ErrorHandlers = []utilruntime.ErrorHandler{
		func(context.Context, error, string, ...any) { reported.Add(1) },
	}
	// Virtual time is only for tests: so this program is one.
	all := func(string, string) (bool, error) { return true, nil }
	testing.Main(all, []testing.InternalTest{{Name: "oracle", F: answer}}, nil, nil)
}

func answer(t *testing.T) {
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriterSize(os.Stdout, 1<<16)
	defer func() { _ = out.Flush() }()
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(append(reply(t, line), '\n')); err != nil {
			t.Fatal(err)
		}
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func reply(t *testing.T, line []byte) []byte {
	var kind struct{ Steps json.RawMessage }
	var answer any
	err := json.Unmarshal(line, &kind)
	if err == nil {
		synctest.Test(t, func(t *testing.T) {
			if kind.Steps != nil {
				answer, err = control(t, line)
			} else {
				answer, err = calculate(t.Context(), line)
			}
		})
	}
	if err != nil {
		answer = map[string]string{"refused": err.Error()}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(fmt.Errorf("%v: %w", answer, err))
	}
	return text
}
