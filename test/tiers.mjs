// The test tiers, and the cost of each tier in a run.

/** `isOneProcess`: pure suites that share a process. A whole run uses the order of this list. */
const tiers = [
  { name: 'check', paths: [/^test\/(lint|locale|commits)\.test\.ts$/] },
  { name: 'unit', paths: [/^test\/unit\//, /^test\/docs\//, /^test\/[^/]*$/], isOneProcess: true },
  { name: 'matrix', paths: [/^test\/matrix\//] },
  { name: 'fuzz', paths: [/^test\/fuzz\//] },
  { name: 'powercut', paths: [/^test\/powercut\//] },
  { name: 'sim', paths: [/^test\/sim\//] },
  { name: 'property', paths: [/^test\/property\//] },
  { name: 'integration', paths: [/^test\/integration\//] },
  { name: 'backend', paths: [/^test\/backend\//] },
  { name: 'e2e', paths: [/^test\/(e2e|bench)\//] },
  { name: 'targets', paths: [/^test\/targets\//] },
  { name: 'yocto', paths: [/^test\/yocto\//] },
];
/** The tier that runs files of e2e again with the ARM executables. */
export const emulatedTier = 'emulated';

export function tierOf(file) {
  const found = tiers.find(({ paths }) => paths.some((path) => path.test(file)));
  if (found === undefined) throw new Error(`${file} belongs to no tier: test/tiers.mjs`);
  return found;
}

/** Returns the jobs in the order of the tiers. A tier with a shared process has one job. */
export function jobsOf(files) {
  return tiers.flatMap((tier) => {
    const own = files.filter(({ file }) => tierOf(file) === tier);
    if (own.length === 0) return [];
    const job = { tier: tier.name, env: {}, isOneProcess: tier.isOneProcess === true };
    return job.isOneProcess
      ? [{ ...job, files: own }]
      : own.map((one) => ({ ...job, files: [one] }));
  });
}

/** Counts per tier. `seconds` is the time of all jobs of a tier; two jobs may run at a time. */
export function createCosts() {
  const costs = new Map();
  return {
    add(tier, { passed, failed, skipped }, seconds) {
      const sum = costs.get(tier) ?? { files: 0, tests: 0, seconds: 0 };
      sum.files += 1;
      sum.tests += passed + failed + skipped;
      sum.seconds += seconds;
      costs.set(tier, sum);
    },
    lines() {
      const row = (tier, files, tests, seconds) =>
        `${tier.padEnd(12)}${files.padStart(6)}${tests.padStart(7)}${seconds.padStart(9)}`;
      const rows = [...costs].map(([tier, { files, tests, seconds }]) =>
        row(tier, String(files), String(tests), seconds.toFixed(1)),
      );
      return [row('tier', 'files', 'tests', 'seconds'), ...rows];
    },
  };
}
