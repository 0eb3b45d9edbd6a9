// The exit codes of the commands. `make docs` writes docs/reference/exit-codes.md from this table.

export const exitCodes = {
  // The command succeeded. `run` ends with it after SIGTERM or SIGINT.
  done: 0,
  // The command failed; the reason is on stderr.
  failed: 1,
  // The usage or the configuration is wrong; stderr names what to change.
  usage: 2,
  // The daemon is not reachable: it does not run, or its control socket cannot be opened, or
  // another user may control that socket. `accept`, `decline` and `renew-path` send nothing then.
  unreachable: 3,
} as const;
