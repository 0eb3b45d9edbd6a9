// What a check of several keys reports: an error stops the agent, a warning does not.

export type Finding = {
  readonly severity: 'error' | 'warning';
  readonly key: string;
  readonly problem: string;
  readonly mend: string;
};

export function error(key: string, problem: string, mend: string): Finding {
  return { severity: 'error', key, problem, mend };
}

export function warning(key: string, problem: string, mend: string): Finding {
  return { severity: 'warning', key, problem, mend };
}
