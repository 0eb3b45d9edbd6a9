// The environment of every program that an installer runs: nothing is inherited (README, "What
// programs are given").
export const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C',
} as const;
