// Results of the checks of several keys. An error stops the agent; a warning is printed.

export type Finding = {
  readonly severity: 'error' | 'warning';
  readonly key: string;
  readonly problem: string;
  readonly hint: string;
};

export function error(key: string, problem: string, hint: string): Finding {
  return { severity: 'error', key, problem, hint };
}

export function warning(key: string, problem: string, hint: string): Finding {
  return { severity: 'warning', key, problem, hint };
}
