//go:build unix

package postgres

import (
	"os/exec"
	"runtime"
)

// A process is a running command whose end can be waited for.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// startProcess starts the command as a child that does not outlive this
// program. The kernel sends the parent-death signal when the thread that
// forked ends, so one thread stays with the child for its whole life.
func startProcess(cmd *exec.Cmd) (*process, error) {
	signalOnParentDeath(cmd.SysProcAttr)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		cmd.Wait() // how it ended is in cmd.ProcessState
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// state returns how the process ended. It may be called only after that.
func (p *process) state() string { return p.cmd.ProcessState.String() }
